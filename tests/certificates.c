#include "certificates.h"

#include <dirent.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char directory[] = "/tmp/berth-certificates.XXXXXX", paths[8][128];
static char *texts[32];
static size_t n_texts;

const char *certificates_path(const char *name)
{
    static size_t next;
    char *path = paths[next++ % 8];

    snprintf(path, sizeof paths[0], "%s/%s", directory, name);
    return path;
}

/* Before any test runs there is nobody to tell but the terminal. */
#define must(holds)                                                                                \
    do {                                                                                           \
        if (!(holds)) {                                                                            \
            fprintf(stderr, "certificates.c: it failed: %s\n", #holds);                            \
            exit(EXIT_FAILURE);                                                                    \
        }                                                                                          \
    } while (0)

static FILE *create(const char *name)
{
    FILE *f = fopen(certificates_path(name), "we");

    must(f);
    return f;
}

const char *certificates_text(const char *name)
{
    FILE *f = fopen(certificates_path(name), "re");
    char *text = calloc(1, 64 << 10);

    must(f && text && n_texts < sizeof texts / sizeof *texts);
    (void)!fread(text, 1, (64 << 10) - 1, f);
    fclose(f);
    return texts[n_texts++] = text;
}

/* -- one certificate -- */

struct plan {
    const char *file, *subject, *names, *issuer; /* issuer: the file's name; NULL: itself */
    bool is_authority;
    int from_days, until_days;
};

#define NAMES "DNS:localhost,DNS:*.example.com,IP:127.0.0.1,IP:::1"

static const struct plan plans[] = {
    {"ca.pem", "berth test CA", NULL, NULL, true, -2, 30},
    {"other_ca.pem", "another CA", NULL, NULL, true, -2, 30},
    {"middle.pem", "berth middle CA", NULL, "ca.pem", true, -2, 30},
    {"good.pem", "good", NAMES, "ca.pem", false, -2, 30},
    {"leaf.pem", "leaf", NAMES, "middle.pem", false, -2, 30},
    {"expired.pem", "expired", NAMES, "ca.pem", false, -2, -1},
    {"future.pem", "future", NAMES, "ca.pem", false, 1, 30},
    {"self.pem", "self", NAMES, NULL, false, -2, 30},
    {"foreign.pem", "foreign", NAMES, "other_ca.pem", false, -2, 30},
    {"nameless.pem", "localhost", NULL, "ca.pem", false, -2, 30},
    {"client.pem", "client", NULL, "ca.pem", false, -2, 30},
    {"foreign_client.pem", "foreign client", NULL, "other_ca.pem", false, -2, 30},
};

enum { N_PLANS = sizeof plans / sizeof *plans };

static X509 *made[N_PLANS];
static EVP_PKEY *ca_key, *key;

static size_t index_of(const char *file)
{
    size_t i = 0;

    while (strcmp(plans[i].file, file) != 0)
        i++;
    return i;
}

static void add_extension(X509 *cert, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX context;
    X509_EXTENSION *x;

    X509V3_set_ctx(&context, issuer, cert, NULL, NULL, 0);
    x = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    must(x);
    must(X509_add_ext(cert, x, -1));
    X509_EXTENSION_free(x);
}

static X509 *make(const struct plan *p)
{
    X509 *cert = X509_new(), *issuer = p->issuer ? made[index_of(p->issuer)] : cert;
    X509_NAME *name = X509_get_subject_name(cert);

    X509_set_version(cert, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), 1000 + (long)(p - plans));
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)p->subject, -1, -1,
                               0);
    X509_set_issuer_name(cert, X509_get_subject_name(issuer));
    X509_gmtime_adj(X509_getm_notBefore(cert), p->from_days * 86400L);
    X509_gmtime_adj(X509_getm_notAfter(cert), p->until_days * 86400L);
    X509_set_pubkey(cert, p->is_authority ? ca_key : key);
    add_extension(cert, issuer, NID_subject_key_identifier, "hash");
    if (p->is_authority)
        add_extension(cert, issuer, NID_basic_constraints, "critical,CA:TRUE");
    if (p->names)
        add_extension(cert, issuer, NID_subject_alt_name, p->names);
    must(X509_sign(cert, p->issuer || p->is_authority ? ca_key : key, EVP_sha256()) > 0);
    return cert;
}

/* -- files -- */

static void write_certificates(const char *file, const char *const *names)
{
    FILE *f = create(file);

    for (; *names; names++)
        must(PEM_write_X509(f, made[index_of(*names)]));
    fclose(f);
}

static void write_key(const char *file, EVP_PKEY *k, const char *passphrase)
{
    FILE *f = create(file);

    must(PEM_write_PrivateKey(f, k, passphrase ? EVP_aes_128_cbc() : NULL,
                              (const unsigned char *)passphrase,
                              passphrase ? (int)strlen(passphrase) : 0, NULL, NULL));
    fclose(f);
}

static void write_odd_ones(void)
{
    EVP_PKEY *other = EVP_EC_gen("P-256");
    const char *good = certificates_text("good.pem");
    FILE *f = create("broken.pem");

    fwrite(good, 1, strlen(good) / 2, f);
    fclose(f);
    fclose(create("empty.pem"));
    write_key("other_key.pem", other, NULL);
    write_key("locked_key.pem", key, "secret");
    write_certificates("chain.pem", (const char *[]){"leaf.pem", "middle.pem", NULL});
    EVP_PKEY_free(other);
}

void certificates_open(void)
{
    must(mkdtemp(directory));
    must((ca_key = EVP_EC_gen("P-256")) && (key = EVP_EC_gen("P-256")));
    for (size_t i = 0; i < N_PLANS; i++) {
        made[i] = make(&plans[i]);
        write_certificates(plans[i].file, (const char *[]){plans[i].file, NULL});
    }
    write_key("key.pem", key, NULL);
    write_odd_ones();
    setenv("SSL_CERT_FILE", certificates_path("ca.pem"), 1);
    setenv("SSL_CERT_DIR", certificates_path("nothing"), 1);
}

void certificates_close(void)
{
    DIR *d = opendir(directory);
    struct dirent *entry;

    while (d && (entry = readdir(d)))
        unlinkat(dirfd(d), entry->d_name, 0);
    if (d)
        closedir(d);
    rmdir(directory);
    for (size_t i = 0; i < N_PLANS; i++)
        X509_free(made[i]);
    EVP_PKEY_free(ca_key);
    EVP_PKEY_free(key);
    while (n_texts)
        free(texts[--n_texts]);
}
