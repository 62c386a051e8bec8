/* thread.h — a thread beside the loop. Signals are the loop's: all are blocked in it. */
#pragma once
#include <pthread.h>
#include <stddef.h>

/* Starts `run` with `arg`, on a stack of so many bytes. *ret is to be joined; NULL: nobody waits
 * for it. Returns 0 or -errno. */
int thread_start(pthread_t *ret, size_t stack_bytes, void *(*run)(void *arg), void *arg);
