/* The cache protocol for one key, as src/stepcache/stores and src/stepcache/cache implement it.
 *
 * One transaction is one step. Anything may happen between two of them, and between a transaction and the moment at
 * which its caller knows of it. docs/proof.md says what is proved by this and what is not; test_model.py runs it.
 *
 * The words that follow #if and #ifdef make mutants, each of which breaks one rule of the protocol and must be
 * caught, and variants, which must not be. They are listed in scenarios.py.
 */

/* Bounds: how often something may happen in one history. */
#ifndef WORKERS
#define WORKERS 2      /* callers of once(), 2 or 3: each wants the result of the key, one time */
#endif
#ifndef LEASE
#define LEASE 2        /* ticks */
#endif
#ifndef TROUBLES
#define TROUBLES 2     /* of any kind, see TROUBLE */
#endif
#ifndef RENEWALS
#define RENEWALS 1     /* of one claim */
#endif

/* A worker's own deadline, in ticks from the moment at which it sent its claim or its renewal. It lies before the end
 * of the lease by what a step needs to end in; where a step ends at once, that is no time at all. */
#ifdef STOP_EARLY
#define DEADLINE (LEASE - 1)
#else
#define DEADLINE LEASE
#endif

#define IDS 14         /* claim ids that may be known at one time */
#define NOBODY 255

mtype = { NOTHING, CLAIM, RENEW, PUBLISH, RELEASE, FAIL, HIT, GRANTED, BUSY, RENEWED, LOST, PUBLISHED, RELEASED };

/* The tables. */
bool row;              /* execution_claims has a row for the key */
byte row_id, row_token, row_holder = NOBODY, row_lease, row_revoked, row_failures;
bool row_released;
byte entries;          /* how many rows execution_caches has for the key */
byte entry_by;         /* published_by */
bool entry_stale;      /* older than its own limit */
bool entry_damaged;    /* its outputs are gone or altered */

/* The workers. */
byte claim_id[WORKERS], token[WORKERS];
byte own[WORKERS];     /* ticks until the worker's own deadline, counted from the moment of sending */
byte sent[WORKERS];    /* the same for the renewal that is on its way */
mtype request[WORKERS] = NOTHING;
mtype answer[WORKERS] = NOTHING;
byte seen[WORKERS];    /* the claim that it waits for, or the entry that it was shown, by its id */
bool damage[WORKERS];  /* the entry that it was shown is damaged */
byte gone[WORKERS] = NOBODY; /* dead_holder: who is dead, its step included */
byte failures[WORKERS];/* 1 + the failures at the time when it began to wait or to execute; 0 before */
bool tired[WORKERS];   /* the failures that it waited for are as many as it would try itself */
bool refresh[WORKERS]; /* its own limit is 0: it wants a new result */
bool begun[WORKERS], executing[WORKERS], paused[WORKERS], dead[WORKERS], done[WORKERS];

/* A request that is still on its way when its sender is dead, or has sent it again. */
mtype late = NOTHING;
byte late_id, late_token, late_worker, late_gone;
bool late_refresh;

/* A crash (kill -9 of a worker, whose step may go on for a while); a pause (SIGSTOP of a worker, SIGCONT later, its
 * step goes on); a request that is sent again because its answer was lost, or while it still is on its way; an
 * execution that fails; and what Others do. */
byte troubles = TROUBLES;
#define TROUBLE (troubles > 0)

/* For the properties only. */
byte live_id;          /* the claim that was granted last and neither given back nor revoked; 0 for none */
byte live_lease;
bool revoked[WORKERS]; /* an invalidation took its claim away */
bool overran[WORKERS]; /* it executes past its deadline although it was not stopped meanwhile */
bool stored[WORKERS];  /* its result was stored */

hidden byte unused;
hidden mtype ignored;
hidden byte ignored_token;

#define FRESH (entries > 0 && !entry_stale)
#define HELD (row && !row_released)
#ifdef NO_EXPIRY
#define TAKEN HELD
#else
#define TAKEN (HELD && row_lease > 0)
#endif
#define TAKEABLE(an_id, a_holder) (!TAKEN || row_id == an_id || row_holder == a_holder)

#if defined(NO_FENCE)
#define FENCED(an_id, a_token) true
#elif defined(FENCE_BY_ID_ONLY)
#define FENCED(an_id, a_token) (HELD && row_id == an_id)
#elif defined(FENCE_BY_TOKEN_ONLY)
#define FENCED(an_id, a_token) (HELD && row_token == a_token)
#else
#define FENCED(an_id, a_token) (HELD && row_id == an_id && row_token == a_token)
#endif

#if WORKERS == 2
#define SUM(term) (term(0) + term(1))
#define ANY(term) (term(0) || term(1))
#else
#define SUM(term) (term(0) + term(1) + term(2))
#define ANY(term) (term(0) || term(1) || term(2))
#endif

/* P4. A paused worker cannot stop its step in time; a revoked one executes for nobody but itself. */
#ifdef SLOW_STOP
#define EXECUTES(p) (executing[p] && !revoked[p] && !overran[p])
#else
#define EXECUTES(p) (executing[p] && !revoked[p] && (own[p] > 0 || overran[p]))
#endif
inline at_most_one_execution() {
#ifndef WITHOUT_P4
  assert(SUM(EXECUTES) <= 1)
#else
  skip
#endif
}

/* A random id is one that nobody knows. */
#define KNOWS(p) (claim_id[p] == unused || seen[p] == unused)
inline new_id(to) {
  unused = 1;
  do
  :: row && (row_id == unused || row_revoked == unused) || entries > 0 && entry_by == unused ||
     late != NOTHING && late_id == unused || live_id == unused || ANY(KNOWS) -> unused++
  :: else -> break
  od;
  assert(unused <= IDS);
  to = unused
}

/* --- Transactions --- */

inline store_entry(by) {
#ifdef CHECK_THEN_INSERT
  entries++;
#else
  entries = 1;
#endif
  assert(entries == 1);                                      /* P1 */
  entry_by = by;
  entry_stale = false;
  entry_damaged = false
}

inline delete_entry() {
  entries = 0;
  entry_by = 0;
  entry_stale = false;
  entry_damaged = false
}

inline give_back() {
  row_released = true;
  row_lease = 0;
  row_holder = NOBODY;
  live_id = 0;
  live_lease = 0
}

inline take(who, an_id, a_holder) {
  /* P2: whoever is replaced has given its claim back, or outlived its lease, or is dead. */
  assert(live_id == 0 || live_lease == 0 || live_id == an_id || row_holder == a_holder);
  if
  :: !row -> row = true; row_token = 1
  :: row && HELD && row_id == an_id -> skip
  :: else -> row_token++
  fi;
  row_id = an_id;
  row_holder = who;
  row_lease = LEASE;
  row_released = false;
  if :: row_revoked == an_id -> row_revoked = 0 :: else fi;
  live_id = an_id;
  live_lease = LEASE
}

inline do_claim(who, an_id, a_holder, refreshing, the_answer, the_token) {
  if
  :: FRESH && !refreshing ->
     if :: HELD && row_id == an_id -> give_back() :: else fi;
     the_answer = HIT
  :: !(FRESH && !refreshing) && TAKEABLE(an_id, a_holder) ->
     take(who, an_id, a_holder);
     the_answer = GRANTED;
     the_token = row_token
  :: else -> the_answer = BUSY
  fi
}

inline do_renew(an_id, a_token, the_answer) {
  if
  :: FENCED(an_id, a_token) ->
     assert(live_id == an_id);                               /* P3 */
     row_lease = LEASE;
     live_lease = LEASE;
     the_answer = RENEWED
  :: else -> the_answer = LOST
  fi
}

inline store_result(who, an_id) {
  assert(live_id == an_id);                                  /* P3 */
  assert(!revoked[who]);                                     /* P3: nor after an invalidation */
  assert(claim_id[who] != an_id || !stored[who]);            /* once, however often it is repeated */
  store_entry(an_id);
  if :: claim_id[who] == an_id -> stored[who] = true :: else fi;
  give_back()
}

inline do_publish(who, an_id, a_token, the_answer) {
  if
  :: FENCED(an_id, a_token) -> store_result(who, an_id); the_answer = PUBLISHED
  :: !FENCED(an_id, a_token) && entries > 0 && entry_by == an_id -> the_answer = PUBLISHED
  :: else -> the_answer = LOST
  fi
}

inline do_release(an_id, a_token, failed, the_answer) {
  if
  :: FENCED(an_id, a_token) ->
     assert(live_id == an_id);                               /* P3 */
     give_back();
     if :: failed -> row_failures++ :: else fi;
     the_answer = RELEASED
  :: !FENCED(an_id, a_token) &&
     row && row_released && row_id == an_id && row_token == a_token && row_revoked != an_id ->
     the_answer = RELEASED
  :: else -> the_answer = LOST
  fi
}

/* --- Workers --- */

inline forgets(p) {
  claim_id[p] = 0; token[p] = 0; own[p] = 0; sent[p] = 0; request[p] = NOTHING; answer[p] = NOTHING;
  seen[p] = 0; damage[p] = false; gone[p] = NOBODY; failures[p] = 0; tired[p] = false; refresh[p] = false;
  executing[p] = false; revoked[p] = false; overran[p] = false; stored[p] = false
}

inline sends(p, what) { request[p] = what; answer[p] = NOTHING }

inline leaves_behind(p) {
  late = request[p]; late_id = claim_id[p]; late_token = token[p]; late_worker = p;
  late_gone = gone[p]; late_refresh = refresh[p]
}
#define MAY_SEND_TWICE (TROUBLE && late == NOTHING)
inline sends_twice(p) { troubles--; leaves_behind(p) }

/* What the caller of claim learns in its transaction, beside the answer. */
inline learns(p) {
  if
  :: answer[p] == HIT -> own[p] = 0; seen[p] = entry_by; damage[p] = entry_damaged
  :: answer[p] == BUSY -> own[p] = 0; seen[p] = row_id
  :: else -> seen[p] = 0; revoked[p] = false; tired[p] = (failures[p] > 0 && row_failures >= failures[p])
  fi;
  if
  :: answer[p] != HIT && failures[p] == 0 -> failures[p] = row_failures + 1
  :: else
  fi
}

#ifdef CLAIM_BY_STATEMENTS
#define MINE(p) (HELD && row_id == claim_id[p])
inline looks(p) {
  token[p] = (MINE(p) -> row_token : 0);
  if
  :: FRESH && !refresh[p] -> answer[p] = HIT; learns(p)
  :: !(FRESH && !refresh[p]) && !TAKEABLE(claim_id[p], gone[p]) -> answer[p] = BUSY; learns(p)
  :: else
  fi
}
#endif

inline claim_transactions(p) {
#if defined(LOOK_BEFORE_CLAIM)
  d_step {
    if
    :: FRESH && !refresh[p] -> answer[p] = HIT; learns(p)
    :: !(FRESH && !refresh[p]) && !TAKEABLE(claim_id[p], gone[p]) -> answer[p] = BUSY; learns(p)
    :: else -> skip
    fi
  };
  d_step {
    if
    :: answer[p] == NOTHING -> take(p, claim_id[p], gone[p]); answer[p] = GRANTED; token[p] = row_token; learns(p)
    :: else
    fi
  }
#elif defined(READ_BEFORE_CLAIM)
  d_step { if :: FRESH && !refresh[p] -> answer[p] = HIT; learns(p) :: else fi };
  d_step {
    if
    :: answer[p] == NOTHING && TAKEABLE(claim_id[p], gone[p]) ->
       take(p, claim_id[p], gone[p]); answer[p] = GRANTED; token[p] = row_token; learns(p)
    :: answer[p] == NOTHING && !TAKEABLE(claim_id[p], gone[p]) -> answer[p] = BUSY; learns(p)
    :: else
    fi;
    assert(answer[p] != GRANTED || refresh[p] || !FRESH)     /* what can be reused is not made again */
  }
#elif defined(CLAIM_BY_STATEMENTS)
  do
  :: d_step { answer[p] == NOTHING -> looks(p) };
     if
     :: answer[p] == NOTHING ->
        d_step { if :: TAKEABLE(claim_id[p], gone[p]) -> take(p, claim_id[p], gone[p]) :: else fi };
        d_step { looks(p); if :: answer[p] == NOTHING && MINE(p) -> answer[p] = GRANTED; learns(p) :: else fi }
     :: answer[p] == HIT && token[p] > 0 -> d_step { do_release(claim_id[p], token[p], false, ignored) }
     :: else
     fi
  :: answer[p] != NOTHING -> break
  od
#else
  d_step { do_claim(p, claim_id[p], gone[p], refresh[p], answer[p], token[p]); learns(p) }
#endif
}

inline publish_transactions(p) {
#if defined(PUBLISH_IN_TWO)
  d_step { if :: FENCED(claim_id[p], token[p]) -> answer[p] = PUBLISHED :: else -> answer[p] = LOST fi };
  d_step { if :: answer[p] == PUBLISHED -> store_result(p, claim_id[p]) :: else fi }
#elif defined(ANSWER_BEFORE_COMMIT)
  d_step { if :: FENCED(claim_id[p], token[p]) -> answer[p] = PUBLISHED :: else -> answer[p] = LOST fi };
  if
  :: d_step { do_publish(p, claim_id[p], token[p], ignored) }
  :: skip                                                    /* the server died before the commit */
  fi
#else
  d_step { do_publish(p, claim_id[p], token[p], answer[p]) }
#endif
}

#ifdef IGNORE_DEADLINE
#define OUT_OF_TIME(p) false
#else
#define OUT_OF_TIME(p) (executing[p] && own[p] == 0)
#endif

proctype Worker(byte p) provided (!paused[p]) {
  byte renewals = 0;
  {
    atomic {
      p == 0 || begun[p - 1];                                /* the first to ask is called 0, and so on */
      begun[p] = true;
#ifndef NOBODY_REFRESHES
      if :: refresh[p] = false :: refresh[p] = true fi
#endif
    };
ask:
    atomic {
      seen[p] = 0; claim_id[p] = 0; token[p] = 0; revoked[p] = false; stored[p] = false;
      new_id(claim_id[p]);
      sends(p, CLAIM);
      own[p] = DEADLINE                                      /* counted from here */
    }
claiming:
    if
    :: true -> claim_transactions(p)
    :: d_step { MAY_SEND_TWICE -> sends_twice(p) } goto claiming
    fi;
    if
    :: d_step { TROUBLE -> troubles--; sends(p, CLAIM) } goto claiming
    :: d_step { answer[p] == HIT && damage[p] -> claim_id[p] = 0; own[p] = 0; request[p] = NOTHING } goto withdraw
    :: d_step { answer[p] == BUSY -> claim_id[p] = 0; own[p] = 0; gone[p] = NOBODY; request[p] = NOTHING } goto waiting
    :: d_step { answer[p] == GRANTED && (tired[p] || own[p] == 0) -> own[p] = 0; sends(p, RELEASE) } goto releasing
    :: answer[p] == GRANTED && !tired[p] && own[p] > 0 -> goto execute
    :: answer[p] == HIT && !damage[p] -> goto answered
    fi;

withdraw:
    atomic {
      if
#ifdef WITHDRAW_WHATEVER_STANDS
      :: entries > 0 ->
#else
      :: entries > 0 && entry_by == seen[p] ->
#endif
         assert(entry_damaged);                              /* P5: nothing else was lost with it */
         delete_entry()
      :: else
      fi
    }
    goto ask;

waiting:
    if
    :: d_step { !TAKEN -> skip }
    :: d_step { FRESH && !refresh[p] && entry_by == seen[p] -> skip }
    :: d_step { TAKEN && row_holder != NOBODY && dead[row_holder] ->
         gone[p] = row_holder;
#ifndef TAKE_OVER_BEFORE_THE_KILL
         forgets(row_holder)
#endif
       }
    fi;
    goto ask;

execute:
    atomic {
      renewals = RENEWALS;
#ifdef STOP_EARLY
      executing[p] = (own[p] > 0);
#else
      executing[p] = true;                                   /* and is stopped at once if it is too late by now */
#endif
      request[p] = NOTHING;
      answer[p] = NOTHING;
      gone[p] = NOBODY;
#ifdef DEADLINE_FROM_ANSWER
      own[p] = DEADLINE;
#endif
      at_most_one_execution()
    };
executing_on:
    if
    :: d_step { executing[p] && own[p] > 0 && renewals > 0 -> renewals--; sends(p, RENEW); sent[p] = DEADLINE } goto renewing
    :: d_step { executing[p] -> executing[p] = false; own[p] = 0; sends(p, PUBLISH) } goto publishing
    :: d_step { executing[p] && TROUBLE -> troubles--; executing[p] = false; own[p] = 0; sends(p, FAIL) } goto releasing
    :: d_step { OUT_OF_TIME(p) || !executing[p] -> executing[p] = false; own[p] = 0; sends(p, RELEASE) } goto releasing
    fi;

renewing:
    if
    :: d_step { do_renew(claim_id[p], token[p], answer[p]); request[p] = NOTHING }
    :: d_step { MAY_SEND_TWICE -> sends_twice(p) } goto renewing
    :: d_step { OUT_OF_TIME(p) -> executing[p] = false } goto renewing
    fi;
renewed:
    if
    :: d_step { answer[p] == RENEWED ->
         answer[p] = NOTHING;
#ifdef DEADLINE_FROM_ANSWER
         sent[p] = DEADLINE;
#endif
         if :: own[p] > 0 && sent[p] > own[p] -> own[p] = sent[p] :: else fi;
         sent[p] = 0
       } goto executing_on
    :: d_step { answer[p] == LOST -> executing[p] = false; sent[p] = 0; answer[p] = NOTHING } goto executing_on
    :: d_step { TROUBLE -> troubles--; sends(p, RENEW) } goto renewing
    :: d_step { OUT_OF_TIME(p) -> executing[p] = false } goto renewed
    fi;

publishing:
    if
    :: true -> publish_transactions(p)
    :: d_step { MAY_SEND_TWICE -> sends_twice(p) } goto publishing
    fi;
    if
    :: answer[p] == PUBLISHED ->
       assert(stored[p]); goto answered    /* P5: what is acknowledged is there */
    :: answer[p] == LOST -> goto answered                    /* with its own result, which is not kept */
    :: d_step { TROUBLE -> troubles--; sends(p, PUBLISH) } goto publishing
    fi;

releasing:
    if
    :: d_step { do_release(claim_id[p], token[p], request[p] == FAIL, answer[p]) }
    :: d_step { MAY_SEND_TWICE -> sends_twice(p) } goto releasing
    fi;
    if
    :: true -> goto answered
    :: d_step { request[p] == RELEASE && !tired[p] && TROUBLE -> troubles-- } goto ask
    :: d_step { TROUBLE -> troubles--; answer[p] = NOTHING } goto releasing
    fi;

answered:
    atomic { forgets(p); done[p] = true }
  } unless { dead[p] }
}

inline dies(p) {
  dead[p] = true;
  paused[p] = false;
  request[p] = NOTHING; answer[p] = NOTHING; token[p] = 0; sent[p] = 0;
  seen[p] = 0; damage[p] = false; gone[p] = NOBODY; failures[p] = 0; tired[p] = false; refresh[p] = false;
  if :: !executing[p] -> forgets(p) :: else fi
}

#define LIVES(p) (begun[p] && !dead[p] && !done[p])

/* What may happen to a worker. */
proctype Fate(byte p) {
end:
  do
  :: d_step { TROUBLE && !paused[p] && LIVES(p) -> troubles--; paused[p] = true }
  :: d_step { paused[p] -> paused[p] = false }
  :: d_step { TROUBLE && LIVES(p) -> troubles--; dies(p) }
  :: d_step { TROUBLE && LIVES(p) && request[p] != NOTHING && answer[p] == NOTHING && late == NOTHING ->
       troubles--; leaves_behind(p); dies(p) }
  :: d_step { dead[p] && executing[p] -> forgets(p) }        /* the step of a dead worker is ended */
  od
}

/* --- The world --- */

#define HOLDS_THE_ROW(p) if :: claim_id[p] == row_id -> revoked[p] = true :: else fi

inline arrives() {
  late = NOTHING; late_id = 0; late_token = 0; late_worker = 0; late_gone = 0; late_refresh = false
}

proctype Others() {
end:
  do
  :: d_step { TROUBLE && (entries > 0 || HELD) ->         /* invalidate */
       troubles--;
       delete_entry();
       if
       :: HELD ->
          HOLDS_THE_ROW(0);
          HOLDS_THE_ROW(1);
#if WORKERS == 3
          HOLDS_THE_ROW(2);
#endif
#ifdef INVALIDATE_THE_ENTRY_ONLY
          skip
#else
          row_revoked = row_id;
          give_back()
#endif
       :: else
       fi
     }
#ifdef CHECK_THEN_INSERT
  :: d_step { TROUBLE && entries == 0 -> troubles-- };
     d_step { new_id(unused); store_entry(unused) }
#else
  :: d_step { TROUBLE && !FRESH -> troubles--; new_id(unused); store_entry(unused) }    /* put */
#endif
  :: d_step { TROUBLE && FRESH -> troubles--; entry_stale = true }
  :: d_step { TROUBLE && entries > 0 && !entry_damaged -> troubles--; entry_damaged = true }
  :: d_step { TROUBLE && row && row_released && late == NOTHING -> /* gc: no request is on its way for 30 days */
       troubles--;
       row = false; row_released = false;
       row_id = 0; row_token = 0; row_revoked = 0; row_failures = 0
     }
#ifdef CLOCK_JUMPS
  :: d_step { TROUBLE && HELD && row_lease > 0 -> troubles--; row_lease = 0; live_lease = 0 }
#endif
#ifdef WHOLE_CLAIMS_ARE_LATE
  :: d_step { late == CLAIM ->
       do_claim(late_worker, late_id, late_gone, late_refresh, ignored, ignored_token); arrives() }
#else
  :: d_step { late == CLAIM ->                               /* one statement: the session ended with it */
       if :: TAKEABLE(late_id, late_gone) -> take(late_worker, late_id, late_gone) :: else fi; arrives() }
#endif
  :: d_step { late == RENEW -> do_renew(late_id, late_token, ignored); arrives() }
  :: d_step { late == PUBLISH -> do_publish(late_worker, late_id, late_token, ignored); arrives() }
  :: d_step { late == RELEASE || late == FAIL ->
       do_release(late_id, late_token, late == FAIL, ignored); arrives() }
  od
}

#define COUNTS_DOWN(p) (own[p] > 0 || sent[p] > 0)
#ifdef IGNORE_DEADLINE
#define MUST_STOP_FIRST(p) false
#else
/* A worker that can, stops its step when its deadline passes; so does the supervisor of a dead one. */
#if defined(SLOW_STOP)
/* It stops the step, which takes a tick. */
#define MUST_STOP_FIRST(p) (!paused[p] && executing[p] && own[p] == 0 && overran[p])
#elif defined(CLAIM_BY_STATEMENTS)
/* Nor does a claim take as long as a lease: two could replace each other for ever between their statements. */
#define MUST_STOP_FIRST(p) (!paused[p] && (executing[p] && own[p] == 0 || \
                                           request[p] == CLAIM && answer[p] == NOTHING && own[p] < 2))
#else
#define MUST_STOP_FIRST(p) (own[p] == 0 && !paused[p] && executing[p])
#endif
#endif

inline passes_for(p) {
#ifdef SLOW_STOP
  if :: executing[p] && own[p] == 0 -> overran[p] = true :: else fi;
#else
  if :: executing[p] && own[p] == 0 && !paused[p] -> overran[p] = true :: else fi;
#endif
  if :: own[p] > 0 -> own[p]-- :: else fi;
  if :: sent[p] > 0 -> sent[p]-- :: else fi
}

/* All clocks run at the same pace. */
proctype Clock() {
end:
  do
  :: d_step { (HELD && row_lease > 0 || ANY(COUNTS_DOWN)) && !ANY(MUST_STOP_FIRST) ->
       if :: HELD && row_lease > 0 -> row_lease-- :: else fi;
       if :: live_lease > 0 -> live_lease-- :: else fi;
       passes_for(0);
       passes_for(1);
#if WORKERS == 3
       passes_for(2);
#endif
       at_most_one_execution()
     }
  od
}

init {
  atomic {
    run Worker(0); run Fate(0);
    run Worker(1); run Fate(1);
#if WORKERS == 3
    run Worker(2); run Fate(2);
#endif
    run Others();
    run Clock()
  }
}
