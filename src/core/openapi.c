/* SPDX-License-Identifier: Apache-2.0 */
/* What /api/v1/ takes, as an OpenAPI document (3.1.0), from the table of actions by which requests
 * are judged; and a request's arguments held against the same, so that the document is right. */
#include "api/admin.h"
#include "core/operators.h"
#include "ui/session.h"

MSG(msg_member, "core.api-member", "\"{1}\" takes no \"{0}\"; it takes: {2}");
MSG(msg_missing, "core.api-missing", "\"{1}\" takes a \"{0}\"; it takes: {2}");
MSG(msg_type, "core.api-argument", "\"{0}\" of \"{1}\" has to be {2}");

enum { DOCUMENT_MAX = 256 * 1024, PATH_MAX_BYTES = 64 };

static const struct {
    char type;
    const char *schema, *words;
    enum json_type json;
} types[] = {
    {'s', "string", "a text", JSON_STRING},
    {'i', "integer", "a whole number", JSON_NUMBER},
    {'b', "boolean", "true or false", JSON_BOOL},
    {'l', "array", "a list", JSON_ARRAY},
};

static size_t type_of(char type)
{
    size_t i = 0;

    while (types[i].type != type)
        i++;
    return i;
}

/* ---- a request */

static bool take_of(const struct operators_action *action, struct str name,
                    struct operators_take *out)
{
    struct str rest = str_of(action->takes);

    while (operators_take_next(&rest, out))
        if (str_eq(out->name, name))
            return true;
    return false;
}

static bool has(const struct json *args, struct str name)
{
    struct json_iter it = json_iter(args);
    const struct json *v;
    struct str there;

    while (json_next(&it, &there, &v))
        if (str_eq(there, name))
            return true;
    return false;
}

enum rc core_api_args(struct str command, const struct json *args, struct err *err)
{
    const struct operators_action *action = operators_action_find(command);
    struct json_iter it = json_iter(args);
    struct str rest, name;
    const struct json *v;
    struct operators_take take;

    if (!action)
        return RC_OK; /* and nobody may */
    while (json_next(&it, &name, &v)) {
        if (!take_of(action, name, &take))
            return ERR(err, RC_INVAL, msg_member, str_head(name, PATH_MAX_BYTES), command,
                       str_of(action->takes[0] ? action->takes : "nothing"));
        if (json_type(v) != types[type_of(take.type)].json)
            return ERR(err, RC_INVAL, msg_type, name, command,
                       str_of(types[type_of(take.type)].words));
    }
    rest = str_of(action->takes);
    while (operators_take_next(&rest, &take))
        if (take.required && !has(args, take.name))
            return ERR(err, RC_INVAL, msg_missing, take.name, command, str_of(action->takes));
    return RC_OK;
}

/* ---- the document */

static void put_property(const struct operators_action *action, const struct operators_take *take,
                         struct json_out *o)
{
    json_obj(o);
    json_kv_z(o, "type", types[type_of(take->type)].schema);
    if (action->lists && str_eq(take->name, STR("limit"))) {
        json_kv_u64(o, "minimum", 1);
        json_kv_u64(o, "maximum", API_LIST_MAX);
        json_kv_z(o, "description", "rows of the page; it may have fewer");
    }
    if (action->lists && str_eq(take->name, STR("cursor")))
        json_kv_z(o, "description", "\"next\" of the page before; without: the first page");
    json_end(o);
}

static void put_schema(const struct operators_action *action, struct json_out *o)
{
    struct str rest = str_of(action->takes);
    struct operators_take take;

    json_obj(o);
    json_kv_z(o, "type", "object");
    json_kv_bool(o, "additionalProperties", false);
    json_key(o, "properties");
    json_obj(o);
    while (operators_take_next(&rest, &take)) {
        json_key_str(o, take.name);
        put_property(action, &take, o);
    }
    json_end(o);
    json_key(o, "required");
    json_arr(o);
    rest = str_of(action->takes);
    while (operators_take_next(&rest, &take))
        if (take.required)
            json_put_str(o, take.name);
    json_end(o);
    json_end(o);
}

static void put_ref(struct json_out *o, const char *name, const char *ref)
{
    json_key(o, name);
    json_obj(o);
    json_kv_z(o, "$ref", ref);
    json_end(o);
}

/* What an idempotency key may be answered. */
static const char *const of_keys[] = {"400", "409", "410", "422", "429"};

static void put_parameters(struct json_out *o)
{
    json_key(o, "parameters");
    json_put_raw(o, STR("[{\"$ref\":\"#/components/parameters/idempotency-key\"}]"));
}

/* A page of a list, and where it goes on. */
static void put_list(const char *member, struct json_out *o)
{
    json_key(o, "200");
    json_obj(o);
    json_kv_z(o, "description", "a page; \"next\" is the cursor of the next one, null at the end");
    json_key(o, "content");
    json_obj(o);
    json_key(o, "application/json");
    json_obj(o);
    json_key(o, "schema");
    json_obj(o);
    json_kv_z(o, "type", "object");
    json_key(o, "required");
    json_arr(o);
    json_put_z(o, member);
    json_put_z(o, "next");
    json_end(o);
    json_key(o, "properties");
    json_obj(o);
    json_key(o, member);
    json_put_raw(o, STR("{\"type\":\"array\",\"items\":{\"type\":\"object\"}}"));
    json_key(o, "next");
    json_put_raw(o, STR("{\"type\":[\"string\",\"null\"]}"));
    for (int depth = 0; depth < 5; depth++)
        json_end(o);
}

static void put_responses(const struct operators_action *action, bool changes, struct json_out *o)
{
    json_key(o, "responses");
    json_obj(o);
    if (action->lists)
        put_list(action->lists, o);
    else
        put_ref(o, "200", "#/components/responses/answer");
    for (size_t i = 0; changes && i < sizeof(of_keys) / sizeof(of_keys[0]); i++)
        put_ref(o, of_keys[i], "#/components/responses/problem");
    put_ref(o, "default", "#/components/responses/problem");
    json_end(o);
}

static void put_security(const struct operators_action *action, struct json_out *o)
{
    json_key(o, "security");
    json_arr(o);
    json_put_raw(o, STR("{\"session\":[]}"));
    if (!action->person)
        json_put_raw(o, STR("{\"token\":[]}"));
    json_end(o);
}

static void put_operation(const struct operators_action *action, bool get, struct json_out *o)
{
    CLEANUP(buf_done) struct buf id = BUF_INIT(PATH_MAX_BYTES);
    bool changes = !get && core_admin_changes(str_of(action->name));

    buf_printf(&id, "%s-%s", get ? "get" : "post", action->name);
    for (size_t i = 0; i < id.n; i++)
        if (id.p[i] == ' ')
            id.p[i] = '-';
    json_key(o, get ? "get" : "post");
    json_obj(o);
    json_kv_str(o, "operationId", buf_str(&id));
    json_kv_z(o, "summary", action->name);
    put_security(action, o);
    json_key(o, "x-roles");
    json_arr(o);
    for (unsigned role = 0; role < OPERATORS_ROLES; role++)
        if (action->roles & 1u << role)
            json_put_z(o, operators_role_text(role));
    json_end(o);
    if (!get) {
        json_key(o, "requestBody");
        json_obj(o);
        json_key(o, "content");
        json_obj(o);
        json_key(o, "application/json");
        json_obj(o);
        json_key(o, "schema");
        put_schema(action, o);
        json_end(o);
        json_end(o);
        json_end(o);
    }
    if (changes)
        put_parameters(o);
    put_responses(action, changes, o);
    json_end(o);
}

static void put_path(const struct operators_action *action, struct json_out *o)
{
    CLEANUP(buf_done) struct buf path = BUF_INIT(PATH_MAX_BYTES);

    buf_printf(&path, "/%s", action->name);
    for (size_t i = 0; i < path.n; i++)
        if (path.p[i] == ' ')
            path.p[i] = '/';
    json_key_str(o, buf_str(&path));
    json_obj(o);
    put_operation(action, false, o);
    if (core_admin_reads(str_of(action->name)))
        put_operation(action, true, o);
    json_end(o);
}

static void put_components(struct json_out *o)
{
    json_key(o, "components");
    json_put_raw(
        o,
        STR("{\"securitySchemes\":{\"token\":{\"type\":\"http\",\"scheme\":\"bearer\"},"
            "\"session\":{\"type\":\"apiKey\",\"in\":\"cookie\",\"name\":\"" UI_COOKIE "\","
            "\"description\":\"of /ui/sign-in; all but GET take an Origin of this host\"}},"
            "\"parameters\":{\"idempotency-key\":{\"name\":\"Idempotency-Key\",\"in\":\"header\","
            "\"description\":\"a String of RFC 8941, 1 to 255 bytes: for 24 hours the request is "
            "done once\",\"schema\":{\"type\":\"string\"}}},"
            "\"responses\":{\"answer\":{\"description\":\"done\",\"content\":{\"application/json\":"
            "{\"schema\":{\"type\":\"object\"}}}},"
            "\"problem\":{\"description\":\"why not (RFC 9457)\",\"content\":"
            "{\"application/problem+json\":{\"schema\":{\"type\":\"object\",\"required\":"
            "[\"type\",\"status\",\"detail\"],\"properties\":{\"type\":{\"type\":\"string\"},"
            "\"status\":{\"type\":\"integer\"},\"detail\":{\"type\":\"string\"},"
            "\"code\":{\"type\":\"string\"}}}}}}}}"));
}

void core_openapi(struct ipc_req *req)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(DOCUMENT_MAX);
    const struct operators_action *actions;
    struct json_out o;
    size_t n;

    actions = operators_actions(&n);
    json_out_init(&o, &text, JSON_COMPACT);
    json_obj(&o);
    json_kv_z(&o, "openapi", "3.1.0");
    json_key(&o, "info");
    json_obj(&o);
    json_kv_z(&o, "title", "Autarky");
    json_kv_z(&o, "version", AUTARKY_VERSION);
    json_end(&o);
    json_key(&o, "servers");
    json_put_raw(&o, STR("[{\"url\":\"/api/v1\"}]"));
    json_key(&o, "paths");
    json_obj(&o);
    for (size_t i = 0; i < n; i++)
        put_path(&actions[i], &o);
    json_end(&o);
    put_components(&o);
    json_end(&o);
    core_admin_reply(req, &o, &text);
}
