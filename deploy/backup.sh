#!/bin/sh
# Backs up the database and the key shares: backup.sh FOLDER SUPERUSER_URL [KEY_SHARES_DIR]
#
# Only a superuser may dump all rows: row-level security binds the owner of the tables too. The database comes first, so that
# the key share of every user in the dump is in the archive of the shares.
set -eu
umask 077
folder=${1:?folder of the backup} url=${2:?URL of the database as a superuser} shares=${3:-}
mkdir -p "$folder"
pg_dump --format=custom --file "$folder/database.dump.part" --dbname "$url"
mv "$folder/database.dump.part" "$folder/database.dump"
if [ -n "$shares" ]; then
    tar --create --file "$folder/key-shares.tar.part" --directory "$shares" .
    mv "$folder/key-shares.tar.part" "$folder/key-shares.tar"
fi
echo "backed up to $folder"
