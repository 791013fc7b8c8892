"""The SQL of entries and claims. ``$clock`` stands for the one clock that is compared."""

from __future__ import annotations

from typing import Final

CLOCK: Final = "CAST(ROUND((julianday('now') - 2440587.5) * 86400000) AS INTEGER)"
"""The database's clock in milliseconds since the epoch, one moment per statement. SQLite has this machine's clock,
to the millisecond; tests put a one-row table in its place.
"""

PUBLISHED_BY: Final = """CASE WHEN e.ID IS NULL THEN '' ELSE COALESCE(d.published_by, 'row ' || e.ID) END"""


class Statements:
    """The statements with ``clock`` as their clock."""

    def __init__(self, clock: str = CLOCK) -> None:
        def with_clock(statement: str) -> str:
            return statement.replace("$published_by", PUBLISHED_BY).replace("$clock", clock)

        self.lookup = with_clock(_LOOKUP)
        self.describe = _DESCRIBE
        self.watch = with_clock(_WATCH)
        self.count_standing = with_clock(_COUNT_STANDING)
        self.is_unused = with_clock(_IS_UNUSED)
        self.touch = with_clock(_TOUCH)
        self.store_entry = with_clock(_STORE_ENTRY)
        self.store_details = with_clock(_STORE_DETAILS)
        self.delete_entry = with_clock(_DELETE_ENTRY)
        self.count_hits = with_clock(_COUNT_HITS)
        self.take = with_clock(_TAKE)
        self.busy = with_clock(_BUSY)
        self.renew = with_clock(_RENEW)
        self.give_back = with_clock(_GIVE_BACK)
        self.revoke = with_clock(_REVOKE)


_LOOKUP: Final = """
    SELECT e.ExecutionCacheKey, e.ID, e.ExecutionOutput, e.MaxCacheStaleness, e.StartedAtInSec, e.EndedAtInSec,
           ($clock - COALESCE(d.started_at, e.StartedAtInSec * 1000)) / 1000.0, $published_by,
           COALESCE(d.duration, MAX(0.0, e.EndedAtInSec - e.StartedAtInSec))
      FROM execution_caches e
      LEFT JOIN execution_details d ON d.entry_id = e.ID
     WHERE e.ExecutionCacheKey = ?"""

_DESCRIBE: Final = """
    SELECT COALESCE(d.namespace, ''), COALESCE(d.pipeline, ''), COALESCE(d.component, ''), COALESCE(d.task, ''),
           COALESCE(d.run_id, ''), COALESCE(d.duration, 0.0), COALESCE(d.parts, '{}')
      FROM execution_caches e
      LEFT JOIN execution_details d ON d.entry_id = e.ID
     WHERE e.ExecutionCacheKey = ?"""

# A list in JSON, not a list of parameters: their number has a limit.
_WATCH: Final = """
    SELECT k.value, $published_by, COALESCE(c.failures, 0), c.released_at IS NULL AND c.lease_until > $clock,
           c.claim_id, c.token, c.holder, (c.lease_until - $clock) / 1000.0, ($clock - c.claimed_at) / 1000.0
      FROM json_each(?) k
      LEFT JOIN execution_caches e ON e.ExecutionCacheKey = k.value
      LEFT JOIN execution_details d ON d.entry_id = e.ID
      LEFT JOIN execution_claims c ON c.cache_key = k.value"""

_COUNT_STANDING: Final = """
    SELECT COUNT(*), COALESCE(MIN(d.used_at), $clock) >= $clock - ?
      FROM json_each(?) k
      JOIN execution_caches e ON e.ExecutionCacheKey = k.key
      LEFT JOIN execution_details d ON d.entry_id = e.ID
     WHERE $published_by = k.value"""

# In place: pods carry the ID in a label.
_STORE_ENTRY: Final = """
    INSERT INTO execution_caches (ExecutionCacheKey, ExecutionTemplate, ExecutionOutput, MaxCacheStaleness,
                                  StartedAtInSec, EndedAtInSec)
    VALUES (:key, :template, :output, :max_staleness, COALESCE(:started_at, $clock) / 1000, $clock / 1000)
    ON CONFLICT (ExecutionCacheKey) DO UPDATE
       SET ExecutionTemplate = excluded.ExecutionTemplate,
           ExecutionOutput = excluded.ExecutionOutput,
           MaxCacheStaleness = excluded.MaxCacheStaleness,
           StartedAtInSec = excluded.StartedAtInSec,
           EndedAtInSec = excluded.EndedAtInSec
    RETURNING ID"""

# The hits of the result before this one still count for the key.
_STORE_DETAILS: Final = """
    INSERT INTO execution_details (entry_id, published_by, started_at, namespace, pipeline, component, task, run_id,
                                   duration, parts, used_at)
    VALUES (:entry_id, :published_by, COALESCE(:started_at, $clock), :namespace, :pipeline, :component, :task,
            :run_id, :duration, :parts, $clock)
    ON CONFLICT (entry_id) DO UPDATE
       SET published_by = excluded.published_by,
           started_at = excluded.started_at,
           namespace = excluded.namespace,
           pipeline = excluded.pipeline,
           component = excluded.component,
           task = excluded.task,
           run_id = excluded.run_id,
           duration = excluded.duration,
           parts = excluded.parts,
           used_at = excluded.used_at"""

_DELETE_ENTRY: Final = """
    DELETE FROM execution_caches
     WHERE ID = (SELECT e.ID
                   FROM execution_caches e
                   LEFT JOIN execution_details d ON d.entry_id = e.ID
                  WHERE e.ExecutionCacheKey = :key
                    AND (:published_by IS NULL OR $published_by = :published_by))
    RETURNING ID"""

_COUNT_HITS: Final = """
    UPDATE execution_details
       SET hits = hits + ?, used_at = $clock
     WHERE entry_id = (SELECT ID FROM execution_caches WHERE ExecutionCacheKey = ?)"""

_IS_UNUSED: Final = """
    SELECT 1
      FROM json_each(?) k
      JOIN execution_caches e ON e.ExecutionCacheKey = k.value
      JOIN execution_details d ON d.entry_id = e.ID
     WHERE d.used_at < $clock - ?
     LIMIT 1"""

_TOUCH: Final = """
    UPDATE execution_details
       SET used_at = $clock
     WHERE entry_id IN (SELECT e.ID
                          FROM json_each(?) k
                          JOIN execution_caches e ON e.ExecutionCacheKey = k.value)"""

# The claim of another must be released, expired, or held by exactly the dead holder; one's own is granted again.
_TAKE: Final = """
    INSERT INTO execution_claims (cache_key, claim_id, token, holder, lease_until, claimed_at)
    VALUES (:key, :claim_id, 1, :holder, $clock + :lease, $clock)
    ON CONFLICT (cache_key) DO UPDATE
       SET token = CASE WHEN released_at IS NULL AND claim_id = :claim_id THEN token ELSE token + 1 END,
           claimed_at = CASE WHEN released_at IS NULL AND claim_id = :claim_id THEN claimed_at ELSE $clock END,
           claim_id = :claim_id,
           holder = :holder,
           lease_until = $clock + :lease,
           released_at = NULL,
           revoked_claim_id = CASE WHEN revoked_claim_id = :claim_id THEN '' ELSE revoked_claim_id END
     WHERE released_at IS NOT NULL
        OR lease_until <= $clock
        OR holder = :dead_holder
        OR claim_id = :claim_id
    RETURNING token, failures, failure"""

_BUSY: Final = """
    SELECT cache_key, claim_id, token, holder, (lease_until - $clock) / 1000.0, ($clock - claimed_at) / 1000.0,
           failures
      FROM execution_claims
     WHERE cache_key = ?"""

_RENEW: Final = """
    UPDATE execution_claims
       SET lease_until = $clock + :lease, holder = COALESCE(:holder, holder)
     WHERE cache_key = :key AND claim_id = :claim_id AND token = :token AND released_at IS NULL"""

_GIVE_BACK: Final = """
    UPDATE execution_claims
       SET released_at = $clock, failures = failures + (:failure IS NOT NULL), failure = COALESCE(:failure, failure)
     WHERE cache_key = :key AND claim_id = :claim_id AND token = :token AND released_at IS NULL
    RETURNING claimed_at"""

_REVOKE: Final = """
    UPDATE execution_claims
       SET released_at = $clock, revoked_claim_id = claim_id
     WHERE cache_key = ? AND released_at IS NULL"""
