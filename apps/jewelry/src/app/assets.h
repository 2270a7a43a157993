// The storefront's files, embedded in the program.
#pragma once
#include <string_view>

namespace jewelry::assets {

std::string_view index_html();
std::string_view style_css();
std::string_view app_js();

}  // namespace jewelry::assets
