/* certificates.h — keys and certificates for tests of TLS, made when they are needed and gone
 * afterwards, so that none is ever kept or expires. Files in a directory of their own:
 *
 *   ca.pem other_ca.pem         two authorities
 *   key.pem                     the key of all others
 *   good.pem                    localhost, *.example.com, 127.0.0.1, ::1; signed by ca.pem
 *   chain.pem                   the same names, signed by an authority that ca.pem signed, which is
 * in it middle.pem                  that authority alone expired.pem future.pem      good but for
 * the time self.pem                    signed by itself foreign.pem                 signed by
 * other_ca.pem nameless.pem                a subject, no name client.pem foreign_client.pem   for
 * clients, signed by ca.pem and by other_ca.pem other_key.pem locked_key.pem    of none of them;
 * with a passphrase empty.pem broken.pem        nothing; half of good.pem */
#pragma once

/* Makes them all, and names the first authority as the system's (SSL_CERT_FILE). */
void certificates_open(void);
void certificates_close(void);

/* Where a file is; good until the next eighth call. */
const char *certificates_path(const char *name);

/* What is in it; good until the end. */
const char *certificates_text(const char *name);
