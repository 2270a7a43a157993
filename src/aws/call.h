// One call on its way through the dispatcher: which service, who, proven or not. The steps that
// need no operation table.
#pragma once
#include <string>

#include "aws/credentials.h"
#include "aws/sigv4.h"
#include "codec/form.h"

namespace slipway::aws {

struct Call {
  std::string request_id;
  const ServiceModel* model = nullptr;  // null until routed
  bool json = false;                    // X-Amz-Target is there
  std::string operation;
  Claim claim;
  Credential credential;
  bool proven = false;  // the signature was checked
  Pairs form;           // query protocols

  // Also before the service is known: the form in which the client expects an error.
  Protocol protocol() const;
  std::string service_name() const;
};

// By X-Amz-Target, else by the credential scope. Throws ServiceError when no such service is here.
void route_by_headers(Call& call, const net::Request& request);
// Time, key, session: all that can be checked before the body is read. Throws AuthError.
void authenticate(Call& call, const net::Request& request, const store::Store& store,
                  TimePoint now);
std::string read_body(const Call& call, net::Exchange& exchange);
void prove(Call& call, const net::Request& request, const std::string& body);
// Query protocols: Action and Version, from the body or (GET) the query string.
void route_by_form(Call& call, const net::Request& request, const std::string& body);

}  // namespace slipway::aws
