/* fault.h — lets the n-th allocation fail, in a program that the linker made with --wrap=malloc and
 * its like (CMakeLists.txt). Only the calls of our own code are counted, not those inside of other
 * libraries. */
#pragma once
#include <stdbool.h>

/* Whether this program was linked so; false: nothing here has any effect. */
bool fault_is_possible(void);

/* The n-th allocation from now on that is made while faults are on will fail; 0: none. */
void fault_set(long n);

/* Faults are on, or off. Off at the beginning. */
void fault_turn(bool on);

/* Whether the allocation came that was to fail. */
bool fault_has_happened(void);
