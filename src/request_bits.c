/*
 * What is read and written by the compiler that nginx is built with: the bits of a
 * request, and what is there in some nginxes only.
 *
 * From nginx 1.29.3 on the bits follow a 16-bit field, and bindgen 0.72 has most of
 * them two bits away from where they are.
 */

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#define READ(name)                                                           \
    __attribute__((visibility("hidden")))                                    \
    unsigned ngx_http_rust_page_cache_##name(const ngx_http_request_t *r)    \
    {                                                                        \
        return r->name;                                                      \
    }

READ(background)
READ(empty_path_in_uri)
READ(error_page)
READ(header_only)
READ(internal)
READ(post_action)
#if (NGX_PCRE)
READ(realloc_captures)
#endif
READ(uri_changes)
READ(valid_unparsed_uri)

/*
 * The number of the client's connection, the same for all its streams: those
 * of HTTP/2 carry a copy of it, those of HTTP/3 have numbers of their own.
 */
__attribute__((visibility("hidden")))
ngx_atomic_uint_t
ngx_http_rust_page_cache_connection_number(const ngx_http_request_t *r)
{
    const ngx_connection_t  *c = r->connection;

#if (NGX_HTTP_V3)
    if (c->quic) {
        c = c->quic->parent;
    }
#endif
    return c->number;
}

__attribute__((visibility("hidden")))
void ngx_http_rust_page_cache_set_allow_ranges(ngx_http_request_t *r, unsigned on)
{
    r->allow_ranges = on ? 1 : 0;
}

#if (NGX_PCRE)
__attribute__((visibility("hidden")))
void ngx_http_rust_page_cache_set_realloc_captures(ngx_http_request_t *r, unsigned on)
{
    r->realloc_captures = on ? 1 : 0;
}
#endif
