#!/bin/sh
# The database's image runs this once, on an empty data folder.
set -eu
psql --username postgres --set owner_password="$OWNER_PASSWORD" --set app_password="$APP_PASSWORD" --file /etc/tessera/database.sql
