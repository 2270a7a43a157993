// ELB's precompiled header: its shapes and the store's tables, which nearly every file of the
// folder uses. Only for build speed: a file still includes what it uses.
#pragma once
#include "base/pch.h"
//
#include "aws/gen/elb.h"
#include "aws/op.h"
#include "store/table.h"
