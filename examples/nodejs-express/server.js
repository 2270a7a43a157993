// A small shop front: products and a basket over REST, with Express. With API_URL set it also shows
// what the notes service (../python) says, so that a request crosses two containers.
'use strict';
const express = require('express');

const app = express();
app.disable('x-powered-by');
app.use(express.json({ limit: '64kb' }));

const products = new Map([
  ['ring', { id: 'ring', name: 'Silver ring', price: 49 }],
  ['chain', { id: 'chain', name: 'Gold chain', price: 249 }],
]);
const host = require('os').hostname();

app.get('/healthz', (req, res) => res.json({ status: 'ok', host }));

app.get('/products', (req, res) => res.json([...products.values()]));

app.get('/products/:id', (req, res) => {
  const product = products.get(req.params.id);
  if (!product) return res.status(404).json({ error: `no product '${req.params.id}'` });
  res.json(product);
});

app.put('/products/:id', (req, res) => {
  const { name, price } = req.body || {};
  if (typeof name !== 'string' || !name || !Number.isFinite(price) || price < 0) {
    return res.status(400).json({ error: 'needs {"name": text, "price": a number of at least 0}' });
  }
  const product = { id: req.params.id, name, price };
  const status = products.has(product.id) ? 200 : 201;
  products.set(product.id, product);
  res.status(status).json(product);
});

app.delete('/products/:id', (req, res) => res.status(products.delete(req.params.id) ? 204 : 404).end());

app.get('/notes', async (req, res) => {
  if (!process.env.API_URL) return res.status(404).json({ error: 'API_URL is not set' });
  try {
    const answer = await fetch(`${process.env.API_URL}/notes`, { signal: AbortSignal.timeout(5000) });
    res.status(answer.status).json({ front: host, notes: await answer.json() });
  } catch (error) {
    res.status(502).json({ error: `the notes service does not answer: ${error.cause?.code || error.message}` });
  }
});

app.use((error, req, res, next) => res.status(error.status || 500).json({ error: error.message }));

const port = Number(process.env.PORT || 8080);
const server = app.listen(port, () => console.log(`listening on ${port}`));

// `docker stop` sends SIGTERM: finish what is under way, then end.
for (const signal of ['SIGTERM', 'SIGINT']) {
  process.on(signal, () => {
    console.log(`${signal}: closing`);
    server.close(() => process.exit(0));
    server.closeIdleConnections();
  });
}
