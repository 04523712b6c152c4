/*
 * session - the sessions of two honest peers over a network that belongs to somebody else, for SPIN.
 *
 * docs/sessions-model.md says what is modelled and what is not. One process is the whole world: each turn of its loop is one
 * thing that may happen. A and B begin, send, forget and move; the network holds everything that was ever sent and delivers
 * any of it, to whom it is meant for, from any address, as often as it likes or never: loss, doubling, reordering and replay
 * are one rule. At any moment the network may turn honest ("calm"); then each side must get a message through to the other.
 *
 * Cryptography is perfect and therefore numbers: first message i, the session's key k = answer k to first message
 * key_init[k], message c of a direction. Keys exist for the receiver who holds k, and for nobody else.
 *
 *   NI NK ND     first messages, answers (= sessions) and DATA per session and direction before the calm
 *   RESTARTS EVICTIONS CLOCK_BACK STRANGERS      what else may happen, and how often
 *   ADDRESSES    A moves; the network may claim a victim's address, of which every packet is counted
 *   LOAD         either side may be under load, and then asks for a cookie
 *   STRICT       nobody forgets and one handshake is under way at a time: then no message is lost after the calm
 *   NO_..., ...  a check dropped: test_session.py knows what must be found then
 */
#ifndef RESTARTS
#define RESTARTS 0
#endif
#ifndef EVICTIONS
#define EVICTIONS 0
#endif
#ifndef STRANGERS
#define STRANGERS 0
#endif
#ifndef VICTIM_PACKETS
#define VICTIM_PACKETS 4
#endif
#define TICK 8   /* a clock that begins anew takes long to come where it was */
#define WINDOW 2 /* counters behind the newest that are still taken */

#define A 0
#define B 1
#define CALM 4            /* first messages and answers that the calm may need */
#define NI_ALL (NI + CALM)
#define NK_ALL (NK + CALM)
#define MOST (ND + CALM)  /* DATA of a session and direction */
#define AT(p, k) ((p) * NK_ALL + (k))
#define BIT(c) (1 << (c))
#define INITIATOR(k) init_by[key_init[k]]
#define NAME(p) (65 + (p))
#define HOLDS(p, k) ((kept[p] & BIT(k)) || unconf[p] == (k) + 1)

/* A's addresses, as B sees them. Nobody at VICTIM ever asked for anything, and the network does not see what arrives there. */
#define HOME 0
#define AWAY 1
#define VICTIM 2

/* What was ever sent: the network's memory. */
byte n_init, n_key;
byte init_by[NI_ALL];     /* who began */
byte init_time[NI_ALL];
byte init_cookied[NI_ALL]; /* 1 + the address whose cookie the second copy of it carries */
byte key_init[NK_ALL];    /* the first message that was answered */
byte sent[2 * NK_ALL];    /* DATA sent by p under k: the counters below this */
bit unseen[NK_ALL];       /* the answer went to the victim */
byte cookie_sent[NI_ALL]; /* 1 + the address that was sent a cookie for this first message */

/* What a peer keeps. Numbers are one more than what they name; 0 is none. */
byte pend[2];   /* the first message without an answer yet */
byte cur[2];    /* the newest confirmed session: we send in it */
short kept[2];  /* all confirmed ones, a bit a session: they still open */
byte unconf[2]; /* answered by us, not yet heard from */
byte last[2];   /* newest time in a first message of the other */
byte seen[2 * NK_ALL], top[2 * NK_ALL]; /* replay window: 1 + newest counter, and which of the newest WINDOW came */
bit loaded[2];

/* B's view of A's address, by session: where, whether it has shown that it receives, what it may still be sent; and A's place. */
byte at[NK_ALL], credit[NK_ALL], a_is;
bit proven[NK_ALL];
#ifdef ADDRESSES
byte token[NK_ALL]; /* what B wants to be sent back from the session's address; drawn anew when it moves */
byte told[NK_ALL];  /* 1 + the last of them that A received: it goes along with what A says */
byte carried[2 * NK_ALL * MOST]; /* by DATA: 1 + a token */
#define LOST 255    /* it went to the victim: nobody has it */
#define CARRIED(p, k, c) carried[AT(p, k) * MOST + (c)]
#endif
byte init_to[NI_ALL];     /* where B sent its first message */
byte victim_left = VICTIM_PACKETS;
byte balance;             /* bytes claimed from the victim's address less bytes sent to it */

/* What must be true: the model's own bookkeeping, which no peer sees. */
byte took[2 * NK_ALL];    /* DATA accepted by p, a bit a counter; survives restarts */
bit took_init[NI_ALL], took_answer[NI_ALL], completed[NK_ALL];
bit forgot[2];            /* has p ever forgotten what it knew of the other */
byte base[2];             /* with CLOCK_BACK: first message from which on p's clock begins anew, and one */
byte restarts = RESTARTS, evictions = EVICTIONS, strangers = STRANGERS;

/* What one turn is about, zero between turns; and scratch of one step. */
byte p, q, k, c, i, src, size, copy;
hidden byte x, made, tries, ok, held, before;

inline over() { p = 0; q = 0; k = 0; c = 0; i = 0; src = 0; size = 0; copy = 0 }

/* The session `key` is known to be held by the other side: we send in it from now on. */
inline confirm(who, key)
{
    assert(completed[key]); /* else it is a session that the other side never finished */
    if
    :: !(kept[who] & BIT(key)) ->
#ifdef OLD_KEYS_DROPPED
        kept[who] = 0;
#endif
#ifdef TWO_KEPT
        kept[who] = (cur[who] -> BIT(cur[who] - 1) : 0);
#endif
        kept[who] = kept[who] | BIT(key);
        cur[who] = key + 1
    :: else
    fi;
    if
    :: unconf[who] == key + 1 -> unconf[who] = 0
    :: else
    fi
}

inline begin(who, where)
{
    init_by[n_init] = who;
    init_time[n_init] = (base[who] -> n_init + 2 - base[who] : TICK * (n_init + 1));
    init_to[n_init] = where;
    pend[who] = n_init + 1;
    printf("%c begins with %d\n", NAME(who), n_init);
    n_init++
}

inline victim_paid(n)
{
    if
    :: src == VICTIM -> balance = balance + n
    :: else
    fi
}

inline victim_gets(n)
{
    assert(balance >= n); /* never more bytes to an address that has proved nothing than came from it */
    balance = balance - n
}

inline ask_cookie(in)
{
    if
    :: src == VICTIM -> victim_gets(1)
    :: else -> cookie_sent[in] = src + 1
    fi
}

/* Does this copy of it carry the cookie of the address that it came from? */
#if defined(NO_COOKIE)
#define CARRIES_COOKIE(in) true
#elif defined(COOKIE_FOR_ANYBODY)
#define CARRIES_COOKIE(in) copy
#else
#define CARRIES_COOKIE(in) (copy && init_cookied[in] == src + 1)
#endif
#ifdef NO_TIME_CHECK
#define STALE(who, in) false
#elif defined(NO_COOKIE_FOR_OLD_TIME)
#define STALE(who, in) (init_time[in] <= last[who])
#else
/* A cookie, which is good once, shows as well that it is no replay: somebody's clock may have gone back. */
#define STALE(who, in) (init_time[in] <= last[who] && (took_init[in] || !CARRIES_COOKIE(in)))
#endif

/* First message `in` reaches `who` from `src`, as its copy with a cookie (`copy`) or without. `made`: 1 + the session's key. */
inline take_init(who, in)
{
    made = 0;
    before = n_key + unconf[who];
#ifdef SHORT_INIT
    victim_paid(1);
#else
    victim_paid(2);
#endif
    if
    :: loaded[who] && !CARRIES_COOKIE(in) ->
#ifdef COOKIE_KEEPS_STATE
        key_init[n_key] = in; unconf[who] = n_key + 1; n_key++;
#endif
        ask_cookie(in);
        assert(before == n_key + unconf[who]) /* nothing is kept for who shows no cookie */
    :: !(loaded[who] && !CARRIES_COOKIE(in)) && STALE(who, in) ->
#ifdef NO_COOKIE_FOR_OLD_TIME
        skip
#else
        if
        :: !CARRIES_COOKIE(in) -> ask_cookie(in)
        :: else
        fi
#endif
    :: else ->
        assert(!loaded[who] || src != VICTIM); /* no state under load for who has not shown that it receives */
        assert(!took_init[in] || forgot[who]);  /* its plaintext once, while the sender is remembered */
        took_init[in] = 1;
        last[who] = init_time[in];
        key_init[n_key] = in;
        made = n_key + 1;
        printf("%c answers %d from address %d: session %d\n", NAME(who), in, src, n_key);
        n_key++;
        unseen[made - 1] = (src == VICTIM);
#ifdef NO_CONFIRM_BEFORE_SWITCH
        confirm(who, made - 1);
#else
        unconf[who] = made; /* the newest takes the place of one that was never heard from */
#endif
        if
        :: who == B ->
            at[made - 1] = src; credit[made - 1] = 0; proven[made - 1] = 0;
            if
            :: src == VICTIM -> victim_gets(2) /* the answer is as large as the question at most */
            :: else
            fi
        :: else
        fi
    fi
}

/* Answer `key` reaches who began it, from `src`. */
inline take_answer(who, key)
{
    if
#ifdef NO_INDEX_CHECK
    :: pend[who] ->
#else
    :: pend[who] && pend[who] == key_init[key] + 1 ->
#endif
        assert(pend[who] == key_init[key] + 1); /* both derive the same keys */
        assert(!took_answer[pend[who] - 1]);
        printf("%c takes the answer of session %d from address %d\n", NAME(who), key, src);
        took_answer[pend[who] - 1] = 1;
        completed[key] = 1;
        if
        :: who == B ->
            at[key] = src; credit[key] = 0;
#ifdef ANSWER_PROVES_ANY
            proven[key] = 1;
#else
            proven[key] = (src == init_to[pend[who] - 1]);
#endif
            assert(!(proven[key] && src == VICTIM))
        :: else
        fi;
        pend[who] = 0;
        confirm(who, key)
    :: else
    fi
}

#ifdef NO_WINDOW_EDGE
#define IN_WINDOW(counter) true
#else
#define IN_WINDOW(counter) (counter + WINDOW >= top[x])
#endif
#ifdef NO_REPLAY_WINDOW
#define NOT_SEEN(counter) true
#else
#define NOT_SEEN(counter) !(seen[x] & BIT(counter))
#endif

#ifdef ADDRESSES
#define ARRIVES(who, key, counter) (who == B || CARRIED(B, key, counter) != LOST)
#else
#define ARRIVES(who, key, counter) true
#endif

/* DATA `counter` of the other side under `key` reaches `who` from `src`. `ok`: its plaintext was accepted. */
inline take_data(who, key, counter)
{
    ok = 0;
    x = AT(who, key);
    victim_paid(1);
    if
    :: HOLDS(who, key) && IN_WINDOW(counter) && NOT_SEEN(counter) && ARRIVES(who, key, counter) ->
        ok = 1;
        printf("%c takes DATA %d in session %d from address %d\n", NAME(who), counter, key, src);
        assert(counter < sent[AT(1 - who, key)]); /* the other side sent it, in this direction */
        assert(!(took[x] & BIT(counter)));          /* and it was not taken before */
        took[x] = took[x] | BIT(counter);
        if
        :: who == B ->
            if
            :: unconf[who] == key + 1 && src == at[key] -> proven[key] = 1 /* only who got our answer could say that */
#ifdef DATA_PROVES
            :: !(unconf[who] == key + 1 && src == at[key]) && src == at[key] && sent[AT(who, key)] -> proven[key] = 1
#endif
            :: else
            fi;
            if
#ifdef OLDER_MOVES
            :: src != at[key] ->
#else
            :: src != at[key] && counter + 1 > top[x] ->
#endif
                assert(counter + 1 > top[x]); /* what was overtaken does not say where somebody is now */
                at[key] = src;
                proven[key] = 0;
#ifdef ADDRESSES
#ifndef TOKEN_KEPT
                token[key]++;
#endif
#endif
#ifndef CREDIT_MOVES_ALONG
                credit[key] = 0
#endif
            :: else
            fi;
#ifdef ADDRESSES
            if
            :: src == at[key] && CARRIED(A, key, counter) == token[key] + 1 -> proven[key] = 1
            :: else
            fi;
#endif
            if
            :: src == at[key] && !proven[key] && credit[key] < 2 -> credit[key]++
            :: else
            fi;
            assert(!(proven[key] && at[key] == VICTIM))
        :: else ->
#ifdef ADDRESSES
            if
            :: CARRIED(B, key, counter) -> told[key] = CARRIED(B, key, counter)
            :: else
            fi
#else
            skip
#endif
        fi;
        if
        :: counter + 1 > top[x] -> top[x] = counter + 1
        :: else
        fi;
        seen[x] = seen[x] | BIT(counter);
        /* Only the newest WINDOW are remembered. */
        if
        :: top[x] > WINDOW -> seen[x] = seen[x] & ~(BIT(top[x] - WINDOW) - 1)
        :: else
        fi;
        if
        :: unconf[who] == key + 1 -> confirm(who, key)
        :: else
        fi
    :: else
    fi
}

/* One more DATA of `who` in the session it sends in; `n` units long. */
inline send_data(who, n)
{
    if
    :: who == B && !proven[cur[who] - 1] ->
#ifndef NO_CREDIT
        credit[cur[who] - 1] = credit[cur[who] - 1] - n;
#endif
        if
        :: at[cur[who] - 1] == VICTIM -> victim_gets(n)
        :: else
        fi;
#ifdef ADDRESSES
        CARRIED(B, cur[who] - 1, sent[AT(who, cur[who] - 1)]) = (at[cur[who] - 1] == VICTIM -> LOST : token[cur[who] - 1] + 1)
#endif
    :: else ->
#ifdef ADDRESSES
        if
        :: who == A -> CARRIED(A, cur[who] - 1, sent[AT(who, cur[who] - 1)]) = told[cur[who] - 1]
        :: else
        fi
#else
        skip
#endif
    fi;
    printf("%c sends DATA %d (size %d) in session %d\n", NAME(who), sent[AT(who, cur[who] - 1)], n, cur[who] - 1);
    sent[AT(who, cur[who] - 1)]++
}

#ifdef NO_CREDIT
#define MAY_SEND(who, n) true
#else
#define MAY_SEND(who, n) (who == A || proven[cur[who] - 1] || credit[cur[who] - 1] >= n)
#endif

inline forget(who)
{
    cur[who] = 0; kept[who] = 0; unconf[who] = 0; last[who] = 0;
    forgot[who] = 1;
    printf("%c forgets\n", NAME(who))
}

/* The network is honest now: `who` says something until it was heard, at most three times. */
inline speak(who)
{
    q = 1 - who; tries = 0; ok = 0;
    held = cur[who] && HOLDS(q, cur[who] - 1);
    src = (who == A -> a_is : HOME);
    do
    :: ok || tries == 3 -> break
#ifdef WAITS_FOR_CREDIT
    :: !ok && tries < 3 && cur[who] && !MAY_SEND(who, 1) -> tries++
#endif
#ifdef NEVER_BEGINS_AGAIN
    :: !ok && tries < 3 && cur[who] ->
#else
    :: !ok && tries == 0 && cur[who] && MAY_SEND(who, 1) && (who == A || at[cur[who] - 1] == a_is) ->
#endif
        k = cur[who] - 1;
        send_data(who, 1);
        c = sent[AT(who, k)] - 1;
        take_data(q, k, c);
        /* A session that both hold carries the first message: no forgery and no replay has spoilt it. */
        assert(ok || !held);
#ifdef STRICT
        assert(ok);
#endif
        tries++
#ifdef NEVER_BEGINS_AGAIN
    :: !ok && tries < 3 && !cur[who] ->
#else
    :: else ->
#endif
        begin(who, a_is);
        i = n_init - 1;
        copy = 0;
        take_init(q, i);
        if
        :: !made && cookie_sent[i] == src + 1 ->
            init_cookied[i] = src + 1;
            copy = 1;
            take_init(q, i)
        :: else
        fi;
        if
        :: made ->
            k = made - 1;
            src = (who == A -> HOME : a_is);
            take_answer(who, k);
            src = (who == A -> a_is : HOME);
            send_data(who, 1);
            c = sent[AT(who, k)] - 1;
            take_data(q, k, c)
        :: else
        fi;
        tries++
    od;
    assert(ok) /* somebody who is there is reached */
}

inline spoilt()
{
#ifdef WINDOW_BEFORE_OPEN
    /* A forgery with any counter. It does not open, but came first. */
    if
    :: HOLDS(p, k) -> x = AT(p, k); seen[x] = seen[x] | BIT(c);
    :: else
    fi
#else
    skip
#endif
}

#ifdef STRICT
#define MAY_BEGIN (!unconf[A] && !unconf[B])
#else
#define MAY_BEGIN true
#endif

active proctype world()
{
    do
    /* Somebody begins: for the first time, to rekey, after a message without an answer, or both at once. */
    :: n_init < NI && MAY_BEGIN ->
        atomic { if :: p = A :: p = B fi; d_step { begin(p, HOME); over() } }

    /* Somebody sends in the session it has; a short message or a long one. */
    :: atomic {
        if :: p = A :: p = B fi;
        if :: size = 1
#ifdef ADDRESSES
           :: p == B -> size = 2
#endif
        fi;
        d_step {
            if
            :: cur[p] && sent[AT(p, cur[p] - 1)] < ND && MAY_SEND(p, size) -> send_data(p, size)
            :: else
            fi;
            over()
        } }

    /* The network delivers a first message. */
    :: n_key < NK ->
        atomic {
            i = 0;
            do
            :: i + 1 < n_init -> i++
            :: break
            od;
            src = HOME;
            copy = 0;
#ifdef ADDRESSES
            if
            :: init_by[i] == A && i < n_init -> if :: skip :: src = AWAY :: victim_left > 0 -> src = VICTIM; victim_left-- fi
            :: else
            fi;
#endif
#ifdef LOAD
            if
            :: skip
            :: i < n_init && init_cookied[i] -> copy = 1
            fi;
#endif
            d_step {
                if
                :: i < n_init -> p = 1 - init_by[i]; take_init(p, i)
                :: else
                fi;
                over()
            }
        }

    /* The network delivers an answer. */
    :: n_key > 0 ->
        atomic {
            k = 0;
            do
            :: k + 1 < n_key -> k++
            :: break
            od;
            p = INITIATOR(k);
            src = HOME;
#ifdef ADDRESSES
            if
            :: p == B -> if :: skip :: src = AWAY :: victim_left > 0 -> src = VICTIM; victim_left-- fi
            :: else
            fi;
#endif
            d_step {
                if
                :: !unseen[k] -> take_answer(p, k)
                :: else
                fi;
                over()
            }
        }

    /* The network delivers DATA that the other side sent. */
    :: n_key > 0 ->
        atomic {
            k = 0;
            do
            :: k + 1 < n_key -> k++
            :: break
            od;
            if :: p = A :: p = B fi;
            q = 1 - p;
#ifdef ONE_KEY_BOTH_WAYS
            if :: q = p :: skip fi;
#endif
            c = 0;
            do
            :: c + 1 < sent[AT(q, k)] -> c++
            :: break
            od;
            src = HOME;
#ifdef ADDRESSES
            if
            :: p == B -> if :: skip :: src = AWAY :: victim_left > 0 -> src = VICTIM; victim_left-- fi
            :: else
            fi;
#endif
            d_step {
                if
                :: c < sent[AT(q, k)] ->
                    take_data(p, k, c)
#ifdef NO_KEY_CHECK
                    ; if /* the index in the head is anybody's to write */
                    :: k > 0 -> take_data(p, k - 1, c); assert(!ok) /* it was sealed under another key */
                    :: else
                    fi
#endif
                :: else
                fi;
                over()
            }
        }

    /* The network forges DATA. */
#ifdef WINDOW_BEFORE_OPEN
    :: n_key > 0 ->
        atomic {
            if :: p = A :: p = B fi;
            k = n_key - 1;
            if :: c = 0 :: c = 1 :: c = 2 fi;
            d_step { spoilt(); over() }
        }
#endif

    /* A restart: all is lost. Or the least recently used session gives way to somebody else's. */
    :: restarts > 0 ->
        atomic {
            if :: p = A :: p = B fi;
            d_step {
                restarts--; forget(p); pend[p] = 0;
#ifdef CLOCK_BACK
                base[p] = n_init + 1;
#endif
                over()
            }
        }
    :: evictions > 0 ->
        atomic {
            if :: p = A :: p = B fi;
            evictions--;
            if :: size = 0 :: size = 1 fi;
            d_step {
                /* The one in use, or all of them but that one. */
                if
                :: size == 1 && cur[p] -> kept[p] = kept[p] & ~BIT(cur[p] - 1); cur[p] = 0;
                    k = n_key;
                    do
                    :: k == 0 || cur[p] -> break
                    :: k > 0 && !cur[p] && (kept[p] & BIT(k - 1)) -> cur[p] = k
                    :: else -> k--
                    od
                :: size == 0 -> unconf[p] = 0; kept[p] = (cur[p] -> BIT(cur[p] - 1) : 0)
                :: else
                fi;
                if
                :: !kept[p] && !unconf[p] -> last[p] = 0; forgot[p] = 1
                :: else
                fi;
                over()
            }
        }

    /* A stranger begins and never finishes: it takes the place of others who have not finished, and of nobody else. */
    :: strangers > 0 ->
        atomic {
            strangers--;
            if :: p = A :: p = B fi;
#ifdef STRANGER_EVICTS
            cur[p] = 0; kept[p] = 0;
#endif
            over()
        }

#ifdef ADDRESSES
    :: a_is == HOME -> a_is = AWAY
#endif

#ifdef LOAD
    :: atomic { if :: p = A :: p = B fi; loaded[p] = !loaded[p]; over() }
    /* The network delivers a cookie. */
    :: n_init > 0 ->
        atomic {
            i = 0;
            do
            :: i + 1 < n_init -> i++
            :: break
            od;
            p = init_by[i];
            if
            :: pend[p] == i + 1 && cookie_sent[i] && !init_cookied[i] -> init_cookied[i] = cookie_sent[i]
            :: else
            fi;
            over()
        }
#endif

    /* Calm. */
    :: atomic {
            if :: p = A :: p = B fi;
            d_step {
                printf("calm\n");
                speak(p);
                p = 1 - p;
                speak(p);
                assert(HOLDS(B, cur[A] - 1));
                assert(HOLDS(A, cur[B] - 1));
                assert(at[cur[B] - 1] == a_is);
                over()
            }
        };
        break
    od
}
