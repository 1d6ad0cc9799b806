#!/bin/sh
# Restores a backup of backup.sh into an empty database: restore.sh FOLDER SUPERUSER_URL [KEY_SHARES_DIR]
#
# Before: create the roles and the database with database.sql, and stop all servers. The restore is one transaction.
set -eu
umask 077
folder=${1:?folder of the backup} url=${2:?URL of the empty database as a superuser} shares=${3:-}
if [ -n "$shares" ]; then
    mkdir -p "$shares"
    if [ -n "$(ls -A "$shares")" ]; then echo "restore: $shares is not empty" >&2; exit 1; fi
fi
pg_restore --single-transaction --exit-on-error --dbname "$url" "$folder/database.dump"
psql --quiet --dbname "$url" --command "ANALYZE"
if [ -n "$shares" ]; then
    tar --extract --same-permissions --file "$folder/key-shares.tar" --directory "$shares"
fi
echo "restored from $folder"
