// The first catalogue: two dozen pieces, rings in sizes.
#include "catalog/catalog.h"
#include "stock/stock.h"

namespace jewelry {

namespace {

struct Seed {
  const char *id, *name, *category, *metal, *stone, *description;
  int64_t price_minor, weight_mg, stock;
};

constexpr Seed kSeeds[] = {
    {"aurora-solitaire", "Aurora Solitaire", "ring", "platinum", "diamond",
     "A round brilliant of 0.50 ct in six platinum claws. The classic question, asked simply.",
     348000, 3900, 3},
    {"halo-rose", "Halo Rose", "ring", "rose gold", "morganite",
     "A cushion-cut morganite in a halo of small diamonds, 18 carat rose gold.", 189000, 3400, 4},
    {"river-band", "River Band", "ring", "gold", "none",
     "A softly hammered band of 18 carat gold, four millimetres wide.", 92000, 5200, 12},
    {"twin-tide", "Twin Tide", "ring", "white gold", "sapphire",
     "Two oval sapphires that meet over a wave of white gold.", 156000, 3600, 5},
    {"meadow-signet", "Meadow Signet", "ring", "gold", "none",
     "An oval signet with a polished face, ready for three letters.", 118000, 7400, 6},
    {"nightfall-ring", "Nightfall", "ring", "silver", "onyx",
     "A bezel-set black onyx on a broad band of sterling silver.", 18500, 6100, 15},
    {"lan-ring", "Lan", "ring", "gold", "jade",
     "Vietnamese jade, cut en cabochon, in a fine claw setting.", 74000, 3300, 7},
    {"seven-stars", "Seven Stars", "ring", "platinum", "diamond",
     "Seven diamonds of descending size, channel-set across half the band.", 264000, 4100, 4},
    {"first-light-pendant", "First Light Pendant", "necklace", "gold", "diamond",
     "One small diamond floating on a chain of 45 centimetres.", 49000, 2100, 20},
    {"pearl-strand", "Pearl Strand", "necklace", "white gold", "pearl",
     "Akoya pearls of 7 millimetres, knotted by hand, with a white gold clasp.", 135000, 28000, 6},
    {"harbour-chain", "Harbour Chain", "necklace", "silver", "none",
     "An anchor chain with a weight you can feel, 50 centimetres.", 23500, 24000, 18},
    {"emerald-drop", "Emerald Drop", "necklace", "gold", "emerald",
     "A pear-cut emerald beneath a single diamond.", 298000, 3000, 2},
    {"moonstone-collar", "Moonstone Collar", "necklace", "silver", "moonstone",
     "Five moonstones that change from milk to blue as you move.", 31000, 12500, 9},
    {"locket-of-letters", "Locket of Letters", "necklace", "rose gold", "none",
     "An oval locket with room for two pictures and a secret.", 68000, 6600, 8},
    {"ember-studs", "Ember Studs", "earrings", "rose gold", "garnet",
     "Small rose-cut garnets, warm as coals.", 27500, 1800, 16},
    {"snow-studs", "Snow Studs", "earrings", "white gold", "diamond",
     "A quarter carat for each ear, in four claws.", 112000, 1500, 8},
    {"willow-hoops", "Willow Hoops", "earrings", "gold", "none",
     "Thin hoops, bent by hand so that no two are quite alike.", 36500, 2600, 14},
    {"tide-drops", "Tide Drops", "earrings", "silver", "aquamarine",
     "Aquamarine drops on hooks that swing.", 29500, 3900, 11},
    {"pearl-buttons", "Pearl Buttons", "earrings", "gold", "pearl",
     "Freshwater pearls, flat on one side: they sit close.", 19500, 2900, 20},
    {"tennis-line", "Tennis Line", "bracelet", "white gold", "diamond",
     "Forty-eight diamonds in one supple line, 18 centimetres, double safety.", 452000, 11200, 2},
    {"river-cuff", "River Cuff", "bracelet", "silver", "none",
     "An open cuff with the same hammered water as the River Band.", 26500, 31000, 10},
    {"charm-chain", "Charm Chain", "bracelet", "gold", "none",
     "A chain with five links that open, for what you will collect.", 87000, 9800, 9},
    {"jade-bangle", "Jade Bangle", "bracelet", "none", "jade",
     "One piece of stone, turned and polished for a week.", 98000, 52000, 3},
    {"one-of-one", "One of One", "ring", "platinum", "sapphire",
     "A cornflower-blue sapphire of 2.03 ct with its certificate. There is exactly one.", 1280000,
     5600, 1},
};

constexpr int64_t kRingSizes[] = {490, 520, 540, 570, 600};

}  // namespace

void seed_catalogue(Session& db) {
  const Stock stock;
  int64_t position = 0;
  for (const auto& seed : kSeeds) {
    db.run(
        "INSERT INTO product(id, position, name, category, metal, stone, description, price_minor, "
        "currency) VALUES($1, $2, $3, $4, $5, $6, $7, $8, 'USD')",
        {seed.id, ++position, seed.name, seed.category, seed.metal, seed.stone, seed.description,
         seed.price_minor});
    auto add = [&](const std::string& sku, Value size, int64_t at) {
      db.run(
          "INSERT INTO variant(sku, product_id, position, size_tenth_mm, price_minor, weight_mg) "
          "VALUES($1, $2, $3, $4, $5, $6)",
          {sku, seed.id, at, std::move(size), seed.price_minor, seed.weight_mg});
      stock.receive(db, sku, seed.stock, "first stock");
    };
    const bool unique = seed.stock == 1;
    if (std::string_view(seed.category) != "ring") {
      add(seed.id, Value(), 0);
    } else if (unique) {
      add(seed.id, kRingSizes[2], 0);
    } else {
      for (const int64_t size : kRingSizes)
        add(fmt::format("{}-{}", seed.id, size / 10), size, size);
    }
  }
}

}  // namespace jewelry
