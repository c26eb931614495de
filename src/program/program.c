/* SPDX-License-Identifier: Apache-2.0 */
#include "program/program.h"

#include <string.h>

#define WRITTEN "autarky " /* as every text has it */
enum { MOST_SAID = 64 * 1024 };

/* The word at the beginning; what follows may be the end of a quotation or of a sentence. */
static struct str first_word(struct str text)
{
    size_t n = 0;

    while (n < text.n && ((text.p[n] >= 'a' && text.p[n] <= 'z') || text.p[n] == '-' ||
                          (text.p[n] == '.' && n + 1 < text.n && text.p[n + 1] == 's')))
        n++;
    return str_head(text, n);
}

/* Whether `text` begins with a command of this program. */
static bool is_own(struct str text)
{
    struct str noun = first_word(text);

    return program.has(noun, first_word(str_skip(text, noun.n + (noun.n < text.n))));
}

enum rc program_own_words(struct str text, struct buf *out)
{
    const size_t n = strlen(WRITTEN);
    bool begins = true; /* a word */

    while (text.n) {
        if (begins && str_starts(text, STR(WRITTEN)) && is_own(str_skip(text, n))) {
            buf_puts(out, str_of(program.name));
            text = str_skip(text, n - 1);
        }
        begins = memchr(" `(\n", text.p[0], 4) != NULL;
        buf_puts(out, str_head(text, 1));
        text = str_skip(text, 1);
    }
    return buf_rc(out);
}

/* What there is no memory for is said as it is written. */
void program_put(FILE *to, struct str text)
{
    CLEANUP(buf_done) struct buf own = BUF_INIT(MOST_SAID);

    if (program_own_words(text, &own) == RC_OK)
        text = buf_str(&own);
    fwrite(text.p, 1, text.n, to);
}

void program_vsay(const char *fmt, va_list ap)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(MOST_SAID);
    va_list again;

    va_copy(again, ap);
    fprintf(stderr, "%s: ", program.name);
    buf_vprintf(&text, fmt, ap);
    if (buf_rc(&text) == RC_OK)
        program_put(stderr, buf_str(&text));
    else
        vfprintf(stderr, fmt, again);
    fputc('\n', stderr);
    va_end(again);
}

void program_say(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    program_vsay(fmt, ap);
    va_end(ap);
}
