#!/bin/sh
# Starts PostgreSQL as the official image does, as far as docker-compose.yml relies on it: the database and the superuser of
# POSTGRES_DB, POSTGRES_USER and POSTGRES_PASSWORD_FILE, and the SQL of /docker-entrypoint-initdb.d, once, when there are no data yet.
set -eu
programs="$(ls -d /usr/lib/postgresql/*/bin | tail -n 1)"
export PATH="$programs:$PATH"

if [ "$(id -u)" = 0 ]; then
  mkdir -p "$PGDATA" /var/run/postgresql
  chown postgres:postgres "$PGDATA" /var/run/postgresql
  chmod 700 "$PGDATA"
  exec setpriv --reuid postgres --regid postgres --init-groups "$0" "$@"
fi

if [ ! -s "$PGDATA/PG_VERSION" ]; then
  initdb --username "$POSTGRES_USER" --pwfile "$POSTGRES_PASSWORD_FILE" --auth-local trust --auth-host scram-sha-256 --encoding UTF8 --locale C.UTF-8 >/dev/null
  echo 'host all all all scram-sha-256' >>"$PGDATA/pg_hba.conf"
  pg_ctl --wait --options "-c listen_addresses=''" start >/dev/null
  createdb --username "$POSTGRES_USER" "$POSTGRES_DB"
  for file in /docker-entrypoint-initdb.d/*.sql; do
    [ ! -f "$file" ] || psql --quiet --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" --file "$file"
  done
  pg_ctl --wait --mode fast stop >/dev/null
fi
exec "$@" -c "listen_addresses=*"
