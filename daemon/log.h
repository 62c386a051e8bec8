/* log.h — what the operator reads: the journal with fields where one listens, else lines on
 * standard error. */
#pragma once
#include <stdbool.h>

#include "principal.h"
#include "proto/errors.h"

/* Sets the least important level that is still written: "error", "warning", "notice", "info" or
 * "debug". Returns false for another word. */
bool log_set_level(const char *name);

/* Writes one line; level is LOG_ERR … LOG_DEBUG of syslog(3). Never blocks: a line that a full pipe
 * does not take is dropped. */
void log_line(int level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A failure that a client was told: who, which method, what. Level info: it is the client's fault,
 * not ours; a failure of our own (ERROR_INTERNAL, out of memory or descriptors) is a warning. */
void log_client_error(const struct principal *who, const char *method, const struct error *e);
