// ECS's precompiled header: its shapes and records, which every file of the folder uses. Only for
// build speed: a file still includes what it uses.
#pragma once
#include "base/pch.h"
//
#include "aws/gen/ecs.h"
#include "aws/op.h"
#include "store/table.h"
