// Which target sits in which of HAProxy's slots: pure.
#pragma once
#include <vector>

#include "haproxy/model.h"
#include "haproxy/supervisor.h"

namespace slipway::elb {

// The slots with the wanted targets in them. A target keeps its slot; a new one takes a free slot,
// looking from cursor on, so that a slot rests before it is used again; when there is none, the
// slots double (that takes a reload).
std::vector<haproxy::Slot> place(const std::vector<haproxy::Slot>& current,
                                 const std::vector<haproxy::Slot>& wanted, size_t& cursor);

// What leads from one to the other: first those that come up, then those that go. A target that
// has left its slot loses its connections.
std::vector<haproxy::SlotChange> slot_changes(const std::string& group,
                                              const std::vector<haproxy::Slot>& from,
                                              const std::vector<haproxy::Slot>& to);

}  // namespace slipway::elb
