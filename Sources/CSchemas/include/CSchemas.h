#pragma once
#include "zoo.pb-c.h"
