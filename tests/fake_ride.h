/* fake_ride.h — a daemon of a script that lives several times, at a path, and a session with it. */
#pragma once
#include "tests/fake_daemon.h"

/* The session; the daemon may be another one after a while. */
extern berth *fake_ride_session;
extern struct fake_daemon *fake_ride_daemon;

/* Where the daemon listens. */
const char *fake_ride_path(void);

/* A fixture, to be used checked: makes a place for the daemon. */
void fake_ride_setup(void);

/* Starts the daemon and opens the session. */
void fake_ride_begin(const struct life *lives, size_t n);

/* Ends both; fails the test when the script was not played, or a descriptor is left. */
void fake_ride_finish(void);

/* Fails the test when the session's last error is another one. */
void fake_ride_check_error(const char *kind, const char *name, int sys_errno);
