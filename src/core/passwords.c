/* SPDX-License-Identifier: Apache-2.0 */
#include "core/passwords.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>

#include "ev/ev.h"
#include "log/log.h"

struct core_passwords {
    pthread_mutex_t lock; /* of the lists and of `closing` */
    pthread_cond_t work;
    pthread_t thread;
    bool runs, closing;
    struct list queue, finished;
    size_t n; /* not answered; the loop's alone */
    struct ev_wake *wake;
};

static void hash(struct core_password *job)
{
    struct str text = str_bytes(job->text, job->n);

    if (job->n > sizeof(job->text))
        job->rc = job->make ? RC_INVAL : RC_DENIED;
    else if (job->make)
        job->rc = crypto_password_make(text, job->kept);
    else
        job->rc = crypto_password_check(str_bytes(job->kept, sizeof(job->kept)), text);
    explicit_bzero(job->text, sizeof(job->text));
}

static void *passwords_main(void *arg)
{
    struct core_passwords *p = arg;

    pthread_mutex_lock(&p->lock);
    while (!p->closing) {
        struct list *link = list_pop(&p->queue);

        if (!link) {
            pthread_cond_wait(&p->work, &p->lock);
            continue;
        }
        pthread_mutex_unlock(&p->lock);
        hash(LIST_ENTRY(link, struct core_password, link));
        pthread_mutex_lock(&p->lock);
        list_push(&p->finished, link);
        ev_wake_send(p->wake);
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

static struct list *pop(struct core_passwords *p, struct list *from)
{
    struct list *link;

    pthread_mutex_lock(&p->lock);
    link = list_pop(from);
    pthread_mutex_unlock(&p->lock);
    return link;
}

static void answer(struct core_passwords *p, struct core_password *job)
{
    p->n--; /* before `done`, which may ask for another one, and frees the job */
    job->done(job->arg, job->rc);
}

static void collect(void *arg)
{
    struct core_passwords *p = arg;

    for (struct list *link = pop(p, &p->finished); link; link = pop(p, &p->finished))
        answer(p, LIST_ENTRY(link, struct core_password, link));
}

static enum rc start(struct core_passwords *p)
{
    sigset_t all, before;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* signals are the loop's */
    p->runs = pthread_create(&p->thread, NULL, passwords_main, p) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return p->runs ? RC_OK : RC_IO;
}

enum rc core_passwords_new(struct ev *ev, struct core_passwords **out)
{
    struct core_passwords *p = MEM_NEW(struct core_passwords);
    enum rc rc;

    if (!p)
        return RC_NOMEM;
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->work, NULL);
    list_init(&p->queue);
    list_init(&p->finished);
    rc = ev_wake_new(ev, collect, p, &p->wake);
    if (rc == RC_OK)
        rc = start(p);
    if (rc == RC_OK)
        *out = p;
    else
        core_passwords_free(p);
    return rc;
}

void core_passwords_free(struct core_passwords *p)
{
    if (!p)
        return;
    pthread_mutex_lock(&p->lock);
    p->closing = true;
    pthread_cond_signal(&p->work);
    pthread_mutex_unlock(&p->lock);
    if (p->runs)
        pthread_join(p->thread, NULL);
    collect(p);
    for (struct list *link = pop(p, &p->queue); link; link = pop(p, &p->queue)) {
        struct core_password *job = LIST_ENTRY(link, struct core_password, link);

        explicit_bzero(job->text, sizeof(job->text));
        job->rc = RC_CANCELLED;
        answer(p, job);
    }
    ev_wake_free(p->wake);
    pthread_cond_destroy(&p->work);
    pthread_mutex_destroy(&p->lock);
    mem_free(p);
}

void core_password_put(struct core_password *job, struct str password)
{
    size_t n = password.n < sizeof(job->text) ? password.n : sizeof(job->text);

    if (n)
        memcpy(job->text, password.p, n);
    job->n = password.n;
}

enum rc core_password_run(struct core_passwords *p, struct core_password *job)
{
    if (p->closing)
        return RC_CANCELLED;
    if (p->n >= CORE_PASSWORDS_MAX)
        return RC_QUOTA;
    list_init(&job->link);
    p->n++;
    pthread_mutex_lock(&p->lock);
    list_push(&p->queue, &job->link);
    pthread_mutex_unlock(&p->lock);
    pthread_cond_signal(&p->work);
    return RC_OK;
}

size_t core_passwords_pending(const struct core_passwords *p)
{
    return p ? p->n : 0;
}
