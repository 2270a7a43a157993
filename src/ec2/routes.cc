// Route tables, their routes and associations. Routes lead to internet gateways only; the network
// itself does not depend on them.
#include "ec2/cidr.h"
#include "ec2/describe.h"
#include "ec2/handlers.h"

namespace slipway::ec2 {

namespace {

e::RouteTable shown(const aws::Context& c, const RouteTableRow& row) {
  e::RouteTable out = row.shape;
  out.Tags = shown_tags(c, *out.RouteTableId);
  return out;
}

template <std::optional<std::string> e::Route::*Member>
Values routes(const RouteTableRow& row) {
  Values out;
  if (!row.shape.Routes) return out;
  for (const auto& route : *row.shape.Routes) {
    if (route.*Member) out.push_back(*(route.*Member));
  }
  return out;
}

template <auto Member>
Values associations(const RouteTableRow& row) {
  Values out;
  if (!row.shape.Associations) return out;
  for (const auto& association : *row.shape.Associations) {
    for (auto& value : values(association.*Member)) out.push_back(std::move(value));
  }
  return out;
}

const ResourceKind<RouteTableRow>& kind() {
  using Association = e::RouteTableAssociation;
  static const ResourceKind<RouteTableRow> kKind{
      route_tables,
      "routeTable",
      "InvalidRouteTableID.NotFound",
      [](const RouteTableRow& row) { return row.shape.RouteTableId.value_or(""); },
      {{"route-table-id", [](const RouteTableRow& row) { return values(row.shape.RouteTableId); }},
       {"vpc-id", [](const RouteTableRow& row) { return values(row.shape.VpcId); }},
       {"owner-id", [](const RouteTableRow& row) { return values(row.shape.OwnerId); }},
       {"association.main", associations<&Association::Main>},
       {"association.subnet-id", associations<&Association::SubnetId>},
       {"association.gateway-id", associations<&Association::GatewayId>},
       {"association.route-table-id", associations<&Association::RouteTableId>},
       {"association.route-table-association-id",
        associations<&Association::RouteTableAssociationId>},
       {"route.destination-cidr-block", routes<&e::Route::DestinationCidrBlock>},
       {"route.gateway-id", routes<&e::Route::GatewayId>},
       {"route.nat-gateway-id", routes<&e::Route::NatGatewayId>},
       {"route.origin", routes<&e::Route::Origin>},
       {"route.state", routes<&e::Route::State>}}};
  return kKind;
}

// The table that holds an association, and where.
std::pair<RouteTableRow, size_t> find_association(const aws::Context& c, const std::string& id) {
  for (const auto& table : rows_of(c, route_tables)) {
    const auto& list = *table->shape.Associations;
    for (size_t i = 0; i < list.size(); ++i) {
      if (list[i].RouteTableAssociationId == id) return {*table, i};
    }
  }
  throw error("InvalidAssociationID.NotFound", "The association ID '{}' does not exist", id);
}

// The destination and the target of a route, checked.
template <typename In>
e::Route make_route(const aws::Context& c, const RouteTableRow& table, const In& in) {
  if (in.DestinationIpv6CidrBlock || in.DestinationPrefixListId)
    throw error("UnsupportedOperation", "Only IPv4 destinations are supported by Slipway");
  if (!in.DestinationCidrBlock)
    throw error("MissingParameter", "The request must contain the parameter destinationCidrBlock");
  const auto cidr = parse_cidr(*in.DestinationCidrBlock);
  if (!cidr) {
    throw error("InvalidParameterValue",
                "Value ({}) for parameter destinationCidrBlock is invalid. This is not a valid "
                "CIDR block.",
                *in.DestinationCidrBlock);
  }
  if (in.NatGatewayId)
    throw error("InvalidNatGatewayID.NotFound", "NatGateway {} was not found", *in.NatGatewayId);
  if (!in.GatewayId) {
    throw error("UnsupportedOperation",
                "Routes to other targets than internet gateways are not supported by Slipway");
  }
  const auto gateway = gateways.get(*c.db, *in.GatewayId);
  if (!gateway || gateway->region != c.region)
    throw error("InvalidGatewayID.NotFound", "The gateway ID '{}' does not exist", *in.GatewayId);
  const auto& attached = *gateway->shape.Attachments;
  if (attached.empty() || attached.front().VpcId != table.shape.VpcId) {
    throw error("InvalidParameterValue",
                "route table {} and network gateway {} belong to different networks",
                *table.shape.RouteTableId, *in.GatewayId);
  }
  e::Route route;
  route.DestinationCidrBlock = cidr->text();
  route.GatewayId = *in.GatewayId;
  route.Origin = "CreateRoute";
  route.State = "active";
  return route;
}

std::vector<e::Route>::iterator find_route(RouteTableRow& table,
                                           const std::optional<std::string>& destination) {
  const auto cidr = parse_cidr(destination.value_or(""));
  auto& list = *table.shape.Routes;
  return std::find_if(list.begin(), list.end(), [&](const e::Route& route) {
    return cidr && route.DestinationCidrBlock == cidr->text();
  });
}

}  // namespace

e::CreateRouteTableResult create_route_table(Ec2&, aws::Context& c,
                                             const e::CreateRouteTableRequest& in) {
  const auto vpc = need_vpc(c, *in.VpcId);
  RouteTableRow row{c.region, {}};
  const std::string id = make_id("rtb");
  row.shape.RouteTableId = id;
  row.shape.VpcId = *in.VpcId;
  row.shape.OwnerId = c.account;
  row.shape.Associations.emplace();
  auto& local = row.shape.Routes.emplace().emplace_back();
  local.DestinationCidrBlock = vpc->shape.CidrBlock;
  local.GatewayId = "local";
  local.Origin = "CreateRouteTable";
  local.State = "active";
  route_tables.put(*c.db, id, row);
  tag_new(c, "route-table", id, in.TagSpecifications);
  e::CreateRouteTableResult out;
  out.RouteTable = shown(c, row);
  return out;
}

e::DeleteRouteTableResponse delete_route_table(Ec2&, aws::Context& c,
                                               const e::DeleteRouteTableRequest& in) {
  const std::string id = *in.RouteTableId;
  if (!need_route_table(c, id)->shape.Associations->empty()) {
    throw error("DependencyViolation",
                "The routeTable '{}' has dependencies and cannot be deleted.", id);
  }
  route_tables.erase(*c.db, id);
  forget_tags(c, id);
  return {};
}

e::DescribeRouteTablesResult describe_route_tables(Ec2&, aws::Context& c,
                                                   const e::DescribeRouteTablesRequest& in) {
  e::DescribeRouteTablesResult out;
  out.RouteTables.emplace();
  for (const auto& row : select(c, kind(), in.RouteTableIds, in, out))
    out.RouteTables->push_back(shown(c, *row));
  return out;
}

e::AssociateRouteTableResult associate_route_table(Ec2&, aws::Context& c,
                                                   const e::AssociateRouteTableRequest& in) {
  if (!in.SubnetId)
    throw error("UnsupportedOperation", "Only subnets can be associated with route tables");
  RouteTableRow row = *need_route_table(c, *in.RouteTableId);
  const auto subnet = need_subnet(c, *in.SubnetId);
  if (subnet->shape.VpcId != row.shape.VpcId) {
    throw error("InvalidParameterValue",
                "Route table {} and subnet {} belong to different networks", *in.RouteTableId,
                *in.SubnetId);
  }
  for (const auto& table : rows_of(c, route_tables)) {
    for (const auto& entry : *table->shape.Associations) {
      if (entry.SubnetId == in.SubnetId) {
        throw error("Resource.AlreadyAssociated",
                    "the specified association for route table {} conflicts with an existing "
                    "association",
                    *in.RouteTableId);
      }
    }
  }
  auto& entry = row.shape.Associations->emplace_back();
  entry.Main = false;
  entry.RouteTableAssociationId = make_id("rtbassoc");
  entry.RouteTableId = *in.RouteTableId;
  entry.SubnetId = *in.SubnetId;
  entry.AssociationState.emplace().State = "associated";
  e::AssociateRouteTableResult out;
  out.AssociationId = entry.RouteTableAssociationId;
  out.AssociationState = entry.AssociationState;
  route_tables.put(*c.db, *in.RouteTableId, row);
  return out;
}

e::DisassociateRouteTableResponse disassociate_route_table(
    Ec2&, aws::Context& c, const e::DisassociateRouteTableRequest& in) {
  auto [row, index] = find_association(c, *in.AssociationId);
  auto& list = *row.shape.Associations;
  if (list[index].Main.value_or(false)) {
    throw error("InvalidParameterValue", "cannot disassociate the main route table association {}",
                *in.AssociationId);
  }
  list.erase(list.begin() + static_cast<std::ptrdiff_t>(index));
  route_tables.put(*c.db, *row.shape.RouteTableId, row);
  return {};
}

e::ReplaceRouteTableAssociationResult replace_route_table_association(
    Ec2&, aws::Context& c, const e::ReplaceRouteTableAssociationRequest& in) {
  auto [from, index] = find_association(c, *in.AssociationId);
  RouteTableRow into = *need_route_table(c, *in.RouteTableId);
  if (into.shape.VpcId != from.shape.VpcId) {
    throw error("InvalidParameterValue", "Route table {} belongs to another network",
                *in.RouteTableId);
  }
  e::ReplaceRouteTableAssociationResult out;
  auto entry = from.shape.Associations->at(index);
  out.AssociationState = entry.AssociationState;
  if (from.shape.RouteTableId == into.shape.RouteTableId) {
    out.NewAssociationId = entry.RouteTableAssociationId;
    return out;
  }
  from.shape.Associations->erase(from.shape.Associations->begin() +
                                 static_cast<std::ptrdiff_t>(index));
  entry.RouteTableAssociationId = make_id("rtbassoc");
  entry.RouteTableId = *in.RouteTableId;
  into.shape.Associations->push_back(entry);
  route_tables.put(*c.db, *from.shape.RouteTableId, from);
  route_tables.put(*c.db, *into.shape.RouteTableId, into);
  if (entry.Main.value_or(false)) {
    VpcRow vpc = *need_vpc(c, *into.shape.VpcId);
    vpc.main_route_table = *in.RouteTableId;
    vpcs.put(*c.db, *into.shape.VpcId, vpc);
  }
  out.NewAssociationId = entry.RouteTableAssociationId;
  return out;
}

e::CreateRouteResult create_route(Ec2&, aws::Context& c, const e::CreateRouteRequest& in) {
  RouteTableRow row = *need_route_table(c, *in.RouteTableId);
  const e::Route route = make_route(c, row, in);
  if (find_route(row, route.DestinationCidrBlock) != row.shape.Routes->end()) {
    throw error("RouteAlreadyExists", "The route identified by {} already exists.",
                *route.DestinationCidrBlock);
  }
  row.shape.Routes->push_back(route);
  route_tables.put(*c.db, *in.RouteTableId, row);
  e::CreateRouteResult out;
  out.Return = true;
  return out;
}

e::ReplaceRouteResponse replace_route(Ec2&, aws::Context& c, const e::ReplaceRouteRequest& in) {
  RouteTableRow row = *need_route_table(c, *in.RouteTableId);
  const auto old = find_route(row, in.DestinationCidrBlock);
  if (old == row.shape.Routes->end() || old->GatewayId == "local") {
    throw error("InvalidParameterValue",
                "There is no route defined for '{}' in the route table. Use CreateRoute instead.",
                in.DestinationCidrBlock.value_or(""));
  }
  *old = make_route(c, row, in);
  route_tables.put(*c.db, *in.RouteTableId, row);
  return {};
}

e::DeleteRouteResponse delete_route(Ec2&, aws::Context& c, const e::DeleteRouteRequest& in) {
  RouteTableRow row = *need_route_table(c, *in.RouteTableId);
  const auto old = find_route(row, in.DestinationCidrBlock);
  if (old == row.shape.Routes->end()) {
    throw error("InvalidRoute.NotFound",
                "no route with destination-cidr-block {} in route table {}",
                in.DestinationCidrBlock.value_or(""), *in.RouteTableId);
  }
  if (old->GatewayId == "local") {
    throw error("InvalidParameterValue", "cannot remove local route {} in route table {}",
                *in.DestinationCidrBlock, *in.RouteTableId);
  }
  row.shape.Routes->erase(old);
  route_tables.put(*c.db, *in.RouteTableId, row);
  return {};
}

}  // namespace slipway::ec2
