// Internet gateways.
#include "ec2/describe.h"
#include "ec2/handlers.h"

namespace slipway::ec2 {

namespace {

e::InternetGateway shown(const aws::Context& c, const GatewayRow& row) {
  e::InternetGateway out = row.shape;
  out.Tags = shown_tags(c, *out.InternetGatewayId);
  return out;
}

template <std::optional<std::string> e::InternetGatewayAttachment::*Member>
Values attachments(const GatewayRow& row) {
  Values out;
  if (!row.shape.Attachments) return out;
  for (const auto& attachment : *row.shape.Attachments) out.push_back(*(attachment.*Member));
  return out;
}

}  // namespace

e::CreateInternetGatewayResult create_internet_gateway(Ec2&, aws::Context& c,
                                                       const e::CreateInternetGatewayRequest& in) {
  GatewayRow row{c.region, {}};
  const std::string id = make_id("igw");
  row.shape.InternetGatewayId = id;
  row.shape.OwnerId = c.account;
  row.shape.Attachments.emplace();
  gateways.put(*c.db, id, row);
  tag_new(c, "internet-gateway", id, in.TagSpecifications);
  e::CreateInternetGatewayResult out;
  out.InternetGateway = shown(c, row);
  return out;
}

e::DeleteInternetGatewayResponse delete_internet_gateway(
    Ec2&, aws::Context& c, const e::DeleteInternetGatewayRequest& in) {
  const std::string id = *in.InternetGatewayId;
  if (!need_gateway(c, id)->shape.Attachments->empty()) {
    throw error("DependencyViolation",
                "The internetGateway '{}' has dependencies and cannot be deleted.", id);
  }
  gateways.erase(*c.db, id);
  forget_tags(c, id);
  return {};
}

e::DescribeInternetGatewaysResult describe_internet_gateways(
    Ec2&, aws::Context& c, const e::DescribeInternetGatewaysRequest& in) {
  using Attachment = e::InternetGatewayAttachment;
  static const ResourceKind<GatewayRow> kKind{
      gateways,
      "internetGateway",
      "InvalidInternetGatewayID.NotFound",
      [](const GatewayRow& row) { return row.shape.InternetGatewayId.value_or(""); },
      {{"internet-gateway-id",
        [](const GatewayRow& row) { return values(row.shape.InternetGatewayId); }},
       {"owner-id", [](const GatewayRow& row) { return values(row.shape.OwnerId); }},
       {"attachment.vpc-id", attachments<&Attachment::VpcId>},
       {"attachment.state", attachments<&Attachment::State>}}};
  e::DescribeInternetGatewaysResult out;
  out.InternetGateways.emplace();
  for (const auto& row : select(c, kKind, in.InternetGatewayIds, in, out))
    out.InternetGateways->push_back(shown(c, *row));
  return out;
}

e::AttachInternetGatewayResponse attach_internet_gateway(
    Ec2&, aws::Context& c, const e::AttachInternetGatewayRequest& in) {
  GatewayRow row = *need_gateway(c, *in.InternetGatewayId);
  need_vpc(c, *in.VpcId);
  if (!row.shape.Attachments->empty()) {
    throw error("Resource.AlreadyAssociated", "resource {} is already attached to network {}",
                *in.InternetGatewayId, *row.shape.Attachments->front().VpcId);
  }
  for (const auto& other : rows_of(c, gateways)) {
    for (const auto& attachment : *other->shape.Attachments) {
      if (attachment.VpcId == in.VpcId) {
        throw error("InvalidParameterValue", "Network {} already has an internet gateway attached",
                    *in.VpcId);
      }
    }
  }
  auto& attachment = row.shape.Attachments->emplace_back();
  attachment.VpcId = *in.VpcId;
  attachment.State = "available";
  gateways.put(*c.db, *in.InternetGatewayId, row);
  return {};
}

e::DetachInternetGatewayResponse detach_internet_gateway(
    Ec2&, aws::Context& c, const e::DetachInternetGatewayRequest& in) {
  GatewayRow row = *need_gateway(c, *in.InternetGatewayId);
  need_vpc(c, *in.VpcId);
  const auto removed = std::erase_if(*row.shape.Attachments,
                                     [&](const auto& entry) { return entry.VpcId == in.VpcId; });
  if (removed == 0) {
    throw error("Gateway.NotAttached", "resource {} is not attached to network {}",
                *in.InternetGatewayId, *in.VpcId);
  }
  gateways.put(*c.db, *in.InternetGatewayId, row);
  return {};
}

}  // namespace slipway::ec2
