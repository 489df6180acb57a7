#pragma once
#include "zoo_cpu.h"
#include "zoo_gemm.h"
#include "zoo_threads.h"
#include "zoo_bytes.h"
