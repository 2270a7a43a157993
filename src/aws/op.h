// op<Tag>(self, function): one row of a service's operation table. Tag is generated (aws/gen), the
// function takes typed input and returns typed output:
//
//   aws::op<aws::ecs::op::CreateCluster>(self, create_cluster)
//   aws::op<aws::logs::op::PutLogEvents>(self, put_log_events, {.transaction = Transaction::none})
//
// A wrong signature does not compile. self must outlive the service.
#pragma once
#include <type_traits>

#include "aws/operation.h"
#include "aws/shape.h"

namespace slipway::aws {

// What Transaction::automatic means for an operation of this name.
Transaction transaction_of(std::string_view operation, Transaction wanted);

template <class Tag, class Self, class Fn>
Operation op(Self& self, Fn fn, OperationOptions options = {}) {
  using Input = typename Tag::Input;
  using Output = typename Tag::Output;
  static_assert(std::is_invocable_r_v<Output, Fn, Self&, Context&, const Input&>,
                "expected: Output fn(Self&, aws::Context&, const Input&)");
  return {Tag::name, transaction_of(Tag::name, options.transaction), &Input::shape_info(),
          &Output::shape_info(), [&self, fn](Context& context, const void* in, void* out) {
            *static_cast<Output*>(out) = fn(self, context, *static_cast<const Input*>(in));
          }};
}

}  // namespace slipway::aws
