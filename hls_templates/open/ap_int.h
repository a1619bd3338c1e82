// Stands where firmware includes AMD's header of this name.
#pragma once
#include "fixed_types.h"
