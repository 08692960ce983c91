#pragma once
#include <libunwind-coredump.h>
