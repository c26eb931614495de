/* SPDX-License-Identifier: Apache-2.0 */
/* The register in numbers (store/hours.h), kept by whatever changes it: certificates by the hour in
 * which they were issued, end or were revoked, and what is in force by the days (UTC) on which it
 * begins and ends, apart what another one replaces. Times are microseconds. */
#pragma once

#include <stddef.h>

static const char *const numbers[] = {
    ("CREATE TABLE certificate_hours (what TEXT NOT NULL, staging INTEGER NOT NULL, hour"
     " INTEGER NOT NULL, n INTEGER NOT NULL, PRIMARY KEY (what, staging, hour)) STRICT,"
     " WITHOUT ROWID"),
    ("CREATE TABLE certificate_days (ends INTEGER NOT NULL, begins INTEGER NOT NULL, renewed"
     " INTEGER NOT NULL, n INTEGER NOT NULL, PRIMARY KEY (ends, begins, renewed)) STRICT,"
     " WITHOUT ROWID"),
    ("CREATE INDEX certificates_renewals ON certificates (issued, hierarchy, replaces) WHERE"
     " replaces IS NOT NULL"),
    "CREATE INDEX certificates_replaces ON certificates (replaces) WHERE replaces IS NOT NULL",
    "CREATE INDEX orders_failed ON orders (created) WHERE status = 'invalid'",
    ("INSERT INTO certificate_hours SELECT 'issued', hierarchy = 'staging', issued - issued %"
     " 3600000000, COUNT(*) FROM certificates WHERE 1 GROUP BY 2, 3"),
    ("INSERT INTO certificate_hours SELECT 'ends', hierarchy = 'staging', not_after -"
     " not_after % 3600000000, COUNT(*) FROM certificates WHERE status = 'valid' GROUP BY 2, 3"),
    ("INSERT INTO certificate_hours SELECT 'revoked', hierarchy = 'staging', IFNULL(revoked,"
     " issued) - IFNULL(revoked, issued) % 3600000000, COUNT(*) FROM certificates WHERE status"
     " = 'revoked' GROUP BY 2, 3"),
    ("INSERT INTO certificate_hours SELECT 'renewals', hierarchy = 'staging', issued - issued"
     " % 3600000000, COUNT(*) FROM certificates WHERE replaces IS NOT NULL GROUP BY 2, 3"),
    ("INSERT INTO certificate_days SELECT not_after - not_after % 86400000000, not_before -"
     " not_before % 86400000000, EXISTS (SELECT 1 FROM certificates WHERE replaces = c.id),"
     " COUNT(*) FROM certificates AS c WHERE status = 'valid' AND hierarchy <> 'staging' GROUP"
     " BY 1, 2, 3"),
    ("CREATE TRIGGER certificates_counted AFTER INSERT ON certificates BEGIN INSERT INTO"
     " certificate_hours SELECT 'issued', NEW.hierarchy = 'staging', NEW.issued - NEW.issued %"
     " 3600000000, 1 WHERE 1 ON CONFLICT (what, staging, hour) DO UPDATE SET n = n + 1; INSERT"
     " INTO certificate_hours SELECT 'ends', NEW.hierarchy = 'staging', NEW.not_after -"
     " NEW.not_after % 3600000000, 1 WHERE NEW.status = 'valid' ON CONFLICT (what, staging,"
     " hour) DO UPDATE SET n = n + 1; INSERT INTO certificate_hours SELECT 'revoked',"
     " NEW.hierarchy = 'staging', IFNULL(NEW.revoked, NEW.issued) - IFNULL(NEW.revoked,"
     " NEW.issued) % 3600000000, 1 WHERE NEW.status = 'revoked' ON CONFLICT (what, staging,"
     " hour) DO UPDATE SET n = n + 1; INSERT INTO certificate_hours SELECT 'renewals',"
     " NEW.hierarchy = 'staging', NEW.issued - NEW.issued % 3600000000, 1 WHERE NEW.replaces"
     " IS NOT NULL ON CONFLICT (what, staging, hour) DO UPDATE SET n = n + 1; INSERT INTO"
     " certificate_days SELECT NEW.not_after - NEW.not_after % 86400000000, NEW.not_before -"
     " NEW.not_before % 86400000000, 0, 1 WHERE NEW.status = 'valid' AND NEW.hierarchy <>"
     " 'staging' ON CONFLICT (ends, begins, renewed) DO UPDATE SET n = n + 1; UPDATE"
     " certificate_days SET n = n - 1 WHERE (ends, begins, renewed) = (SELECT p.not_after -"
     " p.not_after % 86400000000, p.not_before - p.not_before % 86400000000, 0 FROM"
     " certificates AS p WHERE p.id = NEW.replaces AND p.status = 'valid' AND p.hierarchy <>"
     " 'staging' AND NOT EXISTS (SELECT 1 FROM certificates WHERE replaces = NEW.replaces AND"
     " n <> NEW.n)); INSERT INTO certificate_days SELECT p.not_after - p.not_after %"
     " 86400000000, p.not_before - p.not_before % 86400000000, 1, 1 FROM certificates AS p"
     " WHERE p.id = NEW.replaces AND p.status = 'valid' AND p.hierarchy <> 'staging' AND NOT"
     " EXISTS (SELECT 1 FROM certificates WHERE replaces = NEW.replaces AND n <> NEW.n) ON"
     " CONFLICT (ends, begins, renewed) DO UPDATE SET n = n + 1; END"),
    ("CREATE TRIGGER certificates_revoked_counted AFTER UPDATE OF status ON certificates WHEN"
     " OLD.status = 'valid' AND NEW.status = 'revoked' BEGIN INSERT INTO certificate_hours"
     " SELECT 'revoked', NEW.hierarchy = 'staging', NEW.revoked - NEW.revoked % 3600000000, 1"
     " WHERE 1 ON CONFLICT (what, staging, hour) DO UPDATE SET n = n + 1; UPDATE"
     " certificate_hours SET n = n - 1 WHERE what = 'ends' AND staging = (NEW.hierarchy ="
     " 'staging') AND hour = NEW.not_after - NEW.not_after % 3600000000; UPDATE"
     " certificate_days SET n = n - 1 WHERE NEW.hierarchy <> 'staging' AND ends ="
     " NEW.not_after - NEW.not_after % 86400000000 AND begins = NEW.not_before -"
     " NEW.not_before % 86400000000 AND renewed = EXISTS (SELECT 1 FROM certificates WHERE"
     " replaces = NEW.id); END"),
    NULL,
};
