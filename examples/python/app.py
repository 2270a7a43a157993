"""Notes over REST, with Flask: kept in PostgreSQL when DATABASE_URL is set, else in memory."""
import itertools
import os
import signal
import sys
import threading

from flask import Flask, jsonify, request

app = Flask(__name__)


class InMemory:
    def __init__(self):
        self.notes, self.ids, self.lock = {}, itertools.count(1), threading.Lock()

    def all(self):
        with self.lock:
            return [{"id": i, "text": t} for i, t in sorted(self.notes.items())]

    def add(self, text):
        with self.lock:
            number = next(self.ids)
            self.notes[number] = text
            return number

    def remove(self, number):
        with self.lock:
            return self.notes.pop(number, None) is not None


class InPostgres:
    """One connection for each call: simple, and it survives a restart of the database."""

    def __init__(self, url):
        self.url = url
        self.query("CREATE TABLE IF NOT EXISTS notes (id serial PRIMARY KEY, text text NOT NULL)")

    def query(self, sql, *values):
        import psycopg2

        connection = psycopg2.connect(self.url, connect_timeout=5)
        try:
            with connection, connection.cursor() as cursor:
                cursor.execute(sql, values)
                return cursor.fetchall() if cursor.description else []
        finally:
            connection.close()

    def all(self):
        return [{"id": i, "text": t} for i, t in self.query("SELECT id, text FROM notes ORDER BY id")]

    def add(self, text):
        return self.query("INSERT INTO notes (text) VALUES (%s) RETURNING id", text)[0][0]

    def remove(self, number):
        return bool(self.query("DELETE FROM notes WHERE id = %s RETURNING id", number))


store = InPostgres(os.environ["DATABASE_URL"]) if os.environ.get("DATABASE_URL") else InMemory()


@app.get("/healthz")
def healthz():
    store.all()
    return jsonify(status="ok", store=type(store).__name__)


@app.get("/notes")
def notes():
    return jsonify(store.all())


@app.post("/notes")
def add():
    text = (request.get_json(silent=True) or {}).get("text")
    if not isinstance(text, str) or not text.strip():
        return jsonify(error='needs {"text": ...}'), 400
    return jsonify(id=store.add(text), text=text), 201


@app.delete("/notes/<int:number>")
def remove(number):
    return ("", 204) if store.remove(number) else (jsonify(error=f"no note {number}"), 404)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # what `docker stop` sends
    app.run(host="0.0.0.0", port=int(os.environ.get("PORT", "8000")), threaded=True)
