/* version.h — what the daemon calls itself. The build gives the number. */
#pragma once

#ifndef BERTH_VERSION
#define BERTH_VERSION "0.1.0"
#endif
