// The storefront: lists pieces, shows one, keeps the bag in this browser, places the order. All text
// goes in as text, never as markup.
"use strict";

const $ = (id) => document.getElementById(id);
const make = (tag, props = {}, ...children) => {
  const element = Object.assign(document.createElement(tag), props);
  element.append(...children);
  return element;
};

const METALS = { "gold": "#c9982f", "rose gold": "#c98a6f", "white gold": "#b9bcc2", "platinum": "#9aa3ad", "silver": "#a9adb3", "none": "#5d8a66" };
const STONES = { diamond: "#e8f4ff", sapphire: "#2f5fb3", emerald: "#1f8a5b", onyx: "#222", jade: "#5fae7c", morganite: "#f0b6b0", pearl: "#fdf6ec", moonstone: "#c9d6ea", garnet: "#8e1f2f", aquamarine: "#8fd0d6" };

// A drawing in the piece's metal and stone.
function draw(piece) {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  svg.setAttribute("viewBox", "0 0 120 90");
  svg.setAttribute("aria-hidden", "true");
  const metal = METALS[piece.metal] || METALS.gold;
  const stone = STONES[piece.stone];
  const put = (name, attributes) => {
    const shape = document.createElementNS(space, name);
    for (const [key, value] of Object.entries(attributes)) shape.setAttribute(key, value);
    svg.append(shape);
  };
  const line = { fill: "none", stroke: metal, "stroke-width": 5 };
  const gem = (cx, cy, r) => stone && put("circle", { cx, cy, r, fill: stone, stroke: metal, "stroke-width": 2 });
  if (piece.category === "ring") {
    put("circle", { cx: 60, cy: 54, r: 28, ...line });
    gem(60, 22, 11);
  } else if (piece.category === "necklace") {
    put("path", { d: "M15 8 Q60 105 105 8", ...line, "stroke-width": 3 });
    gem(60, 62, 11);
  } else if (piece.category === "earrings") {
    for (const x of [38, 82]) {
      if (!stone) { put("circle", { cx: x, cy: 46, r: 20, ...line, "stroke-width": 4 }); continue; }
      put("path", { d: `M${x} 14 v20`, ...line, "stroke-width": 3 });
      gem(x, 46, 13);
    }
  } else {
    put("ellipse", { cx: 60, cy: 45, rx: 44, ry: 26, ...line });
    for (const x of [32, 60, 88]) gem(x, x === 60 ? 71 : 66, 6);
  }
  return svg;
}

async function call(path, options) {
  const response = await fetch(path, options);
  const body = await response.json();
  if (!response.ok) throw new Error(body.detail || response.statusText);
  return body;
}

// --- the list ---
const view = { category: "", sort: "featured", q: "" };
let latest = 0;

async function list() {
  const mine = ++latest;
  const query = new URLSearchParams({ limit: "100", sort: view.sort });
  if (view.category) query.set("category", view.category);
  if (view.q) query.set("q", view.q);
  try {
    const { items } = await call("/api/v1/products?" + query);
    if (mine !== latest) return;
    $("status").textContent = items.length === 1 ? "1 piece" : `${items.length} pieces`;
    $("list").replaceChildren(...items.map(card));
  } catch (error) {
    if (mine === latest) $("status").textContent = error.message;
  }
}

function card(piece) {
  const facts = [piece.metal, piece.stone].filter((x) => x !== "none").join(", ");
  const button = make("button", { type: "button", textContent: piece.name });
  button.addEventListener("click", () => show(piece.id));
  return make("li", { className: "card" },
    make("div", { className: "art" }, draw(piece)),
    make("div", { className: "text" },
      make("h3", {}, button),
      make("p", { className: "facts", textContent: facts }),
      make("p", { className: "price", textContent: piece.in_stock ? piece.price.text : "Sold out" })));
}

for (const button of $("categories").children) {
  button.addEventListener("click", () => {
    view.category = button.dataset.category;
    for (const other of $("categories").children) other.setAttribute("aria-pressed", String(other === button));
    list();
  });
}
$("sort").addEventListener("change", () => { view.sort = $("sort").value; list(); });
$("q").addEventListener("input", () => { view.q = $("q").value.trim(); list(); });
$("search").addEventListener("submit", (event) => event.preventDefault());

// --- one piece ---
let shown = null;

async function show(id) {
  shown = await call("/api/v1/products/" + encodeURIComponent(id)).catch((error) => {
    $("status").textContent = error.message;
    return null;
  });
  if (!shown) return;
  $("piece-art").replaceChildren(draw(shown));
  $("piece-name").textContent = shown.name;
  $("piece-facts").textContent = [shown.metal, shown.stone].filter((x) => x !== "none").join(", ");
  $("piece-description").textContent = shown.description;
  $("size").replaceChildren(...shown.variants.map((variant) => make("option", {
    value: variant.sku, textContent: variant.size ? variant.size.text : "One size", disabled: variant.in_stock === 0 })));
  $("size-row").hidden = !shown.variants.some((variant) => variant.size);
  const first = shown.variants.find((variant) => variant.in_stock > 0);
  if (first) $("size").value = first.sku;
  chosen();
  $("piece").returnValue = ""; // Escape leaves the last one
  $("piece").showModal();
}

function chosen() {
  const variant = shown.variants.find((entry) => entry.sku === $("size").value) || shown.variants[0];
  $("piece-price").textContent = variant.price.text;
  $("stock").textContent = variant.in_stock === 0 ? "Sold out" : variant.in_stock < 4 ? `Only ${variant.in_stock} left` : "In stock";
  $("add").querySelector("button.main").disabled = variant.in_stock === 0;
  return variant;
}
$("size").addEventListener("change", chosen);
$("piece").addEventListener("close", () => {
  if ($("piece").returnValue !== "add") return;
  const variant = chosen();
  const line = bag.lines[variant.sku] || { title: shown.name + (variant.size ? ", " + variant.size.text : ""), price: variant.price, quantity: 0 };
  line.quantity = Math.min(line.quantity + 1, 20);
  bag.lines[variant.sku] = line;
  keep();
  $("status").textContent = `${line.title} is in your bag`;
});

// --- the bag: in this browser; key makes sending the order twice harmless ---
let bag = { lines: {}, key: crypto.randomUUID ? crypto.randomUUID() : String(Math.random()).slice(2) };
try { bag = JSON.parse(localStorage.getItem("bag")) || bag; } catch { /* a fresh bag */ }

function keep(newKey = true) {
  if (newKey) bag.key = Array.from(crypto.getRandomValues(new Uint32Array(4)), (n) => n.toString(16)).join("-");
  localStorage.setItem("bag", JSON.stringify(bag));
  paint();
}

function money(minor, currency) {
  return new Intl.NumberFormat(undefined, { style: "currency", currency }).format(minor / 100);
}

function paint() {
  const lines = Object.entries(bag.lines);
  $("count").textContent = lines.reduce((sum, [, line]) => sum + line.quantity, 0);
  $("lines").replaceChildren(...lines.map(([sku, line]) => {
    const remove = make("button", { type: "button", textContent: "Remove" });
    remove.setAttribute("aria-label", `Remove ${line.title}`);
    remove.addEventListener("click", () => { delete bag.lines[sku]; keep(); });
    return make("li", {}, make("span", { textContent: `${line.quantity} × ${line.title}` }),
      make("span", { className: "price", textContent: money(line.price.minor * line.quantity, line.price.currency) }), remove);
  }));
  const total = lines.reduce((sum, [, line]) => sum + line.price.minor * line.quantity, 0);
  $("total").textContent = lines.length ? "Total " + money(total, lines[0][1].price.currency) : "Your bag is empty.";
  $("order").querySelector("button.main").disabled = lines.length === 0;
}

$("open-cart").addEventListener("click", () => { $("cart-status").textContent = ""; $("cart").showModal(); });
$("close-cart").addEventListener("click", () => $("cart").close());
$("order").addEventListener("submit", async (event) => {
  event.preventDefault();
  $("cart-status").textContent = "Placing your order...";
  try {
    const order = await call("/api/v1/orders", {
      method: "POST",
      headers: { "Content-Type": "application/json", "Idempotency-Key": bag.key },
      body: JSON.stringify({ email: $("email").value, lines: Object.entries(bag.lines).map(([sku, line]) => ({ sku, quantity: line.quantity })) }),
    });
    bag.lines = {};
    keep();
    $("cart-status").textContent = `Thank you! Order ${order.id}, ${order.total.text}.`;
    list();
  } catch (error) {
    $("cart-status").textContent = error.message;
  }
});

paint();
list();
