// The object file that carries the precompiled header.
namespace slipway {}
