#pragma once
#include "zoo_cpu.h"
