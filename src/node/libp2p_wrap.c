#include "node/libp2p_wrap.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

#include "base/endpoint.h"

#define OUT_ROOM (KAD_WRAP_LUMP + 1024) /* with what frames and records add */
#define HOST_MAX 300

struct kad_wrap {
    const struct kad_allocator *allocator;
    struct kad_ws *ws;
    SSL *ssl;     /* NULL: no TLS */
    BIO *in, *to; /* the SSL's own */
    bool ready;   /* TLS is agreed on, or there is none */
    bool over;
    uint8_t *out; /* OUT_ROOM; NULL: nothing is to be written */
    size_t n_out, out_at;
};

/* -- certificates --------------------------------------------------------------------------------------------------- */

static int refuse(char *why, size_t why_size, const char *what, const char *file)
{
    const unsigned long error = ERR_peek_last_error();

    snprintf(why, why_size, "%s: %.200s: %s", what, file,
             error ? ERR_reason_error_string(error) : "cannot be used");
    ERR_clear_error();
    return KAD_E_INVALID;
}

static SSL_CTX *context_new(const SSL_METHOD *method)
{
    SSL_CTX *context = SSL_CTX_new(method);

    if (!context)
        return NULL;
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    return context;
}

static bool client_new(struct kad_wrap_tls *tls)
{
    tls->client = context_new(TLS_client_method());
    if (tls->client)
        SSL_CTX_set_verify(tls->client, SSL_VERIFY_PEER, NULL);
    return tls->client != NULL;
}

int kad_wrap_tls_init(struct kad_wrap_tls *tls, const char *certificate, const char *key,
                      const char *authorities, char *out_why, size_t why_size)
{
    *tls = (struct kad_wrap_tls){NULL, NULL};
    if (authorities && !client_new(tls))
        return KAD_E_MEMORY;
    if (authorities && SSL_CTX_load_verify_file(tls->client, authorities) != 1)
        return refuse(out_why, why_size, "libp2p_authorities", authorities);
    if (!certificate)
        return KAD_OK;
    tls->server = context_new(TLS_server_method());
    if (!tls->server)
        return KAD_E_MEMORY;
    if (SSL_CTX_use_certificate_chain_file(tls->server, certificate) != 1)
        return refuse(out_why, why_size, "libp2p_certificate", certificate);
    if (!key || SSL_CTX_use_PrivateKey_file(tls->server, key, SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_check_private_key(tls->server) != 1)
        return refuse(out_why, why_size, "libp2p_key", key ? key : "none");
    return KAD_OK;
}

void kad_wrap_tls_clear(struct kad_wrap_tls *tls)
{
    SSL_CTX_free(tls->server);
    SSL_CTX_free(tls->client);
    *tls = (struct kad_wrap_tls){NULL, NULL};
}

/* -- life ------------------------------------------------------------------------------------------------------------ */

static void host_of(const struct kad_multiaddr *to, char out_host[HOST_MAX])
{
    if (to->name.size)
        snprintf(out_host, HOST_MAX, "%.*s", (int)to->name.size, (const char *)to->name.data);
    else
        out_host[0] = '\0';
}

/* Whoever we dial has to have a certificate for the name, or the address, that we dialled. */
static bool expect(SSL *ssl, const struct kad_multiaddr *to, const char *host)
{
    const size_t n = to->endpoint.family == KAD_IPV4 ? 4 : 16;

    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    if (*host)
        return SSL_set_tlsext_host_name(ssl, host) == 1 && SSL_set1_host(ssl, host) == 1;
    return X509_VERIFY_PARAM_set1_ip(SSL_get0_param(ssl), to->endpoint.address, n) == 1;
}

static int begin_tls(struct kad_wrap *wrap, const struct kad_wrap_config *config, const char *host)
{
    SSL_CTX *context;

    if (config->to && !config->tls->client && client_new(config->tls))
        SSL_CTX_set_default_verify_paths(config->tls->client);
    context = config->to ? config->tls->client : config->tls->server;
    if (!context)
        return KAD_E_INVALID;
    wrap->ssl = SSL_new(context);
    wrap->in = BIO_new(BIO_s_mem());
    wrap->to = BIO_new(BIO_s_mem());
    if (!wrap->ssl || !wrap->in || !wrap->to) {
        BIO_free(wrap->in);
        BIO_free(wrap->to);
        return KAD_E_MEMORY;
    }
    SSL_set_bio(wrap->ssl, wrap->in, wrap->to);
    if (config->to)
        SSL_set_connect_state(wrap->ssl);
    else
        SSL_set_accept_state(wrap->ssl);
    return !config->to || expect(wrap->ssl, config->to, host) ? KAD_OK : KAD_E_MEMORY;
}

static void shake(struct kad_wrap *wrap)
{
    int result;

    if (wrap->ready || wrap->over)
        return;
    ERR_clear_error();
    result = SSL_do_handshake(wrap->ssl);
    if (result == 1) {
        wrap->ready = true;
    } else {
        const int error = SSL_get_error(wrap->ssl, result);

        wrap->over = error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE;
    }
    ERR_clear_error();
}

int kad_wrap_new(const struct kad_wrap_config *config, struct kad_wrap **out_wrap)
{
    struct kad_wrap *wrap = kad_alloc_zero(config->allocator, sizeof(*wrap));
    char name[HOST_MAX] = "", host[HOST_MAX + 8], address[KAD_ENDPOINT_TEXT];
    int error;

    if (!wrap)
        return KAD_E_MEMORY;
    wrap->allocator = config->allocator;
    wrap->ready = config->transport != KAD_TRANSPORT_WSS;
    if (config->to) {
        host_of(config->to, name);
        if (*name)
            snprintf(host, sizeof host, "%s:%u", name, config->to->endpoint.port);
        else
            snprintf(host, sizeof host, "%s", kad_endpoint_format(&config->to->endpoint, address));
    }
    error = kad_ws_new(config->allocator, config->to ? host : NULL, config->take, config->context, &wrap->ws);
    if (!error && !wrap->ready)
        error = begin_tls(wrap, config, name);
    if (error) {
        kad_wrap_free(wrap);
        return error;
    }
    if (config->to)
        shake(wrap);
    *out_wrap = wrap;
    return KAD_OK;
}

void kad_wrap_free(struct kad_wrap *wrap)
{
    if (!wrap)
        return;
    SSL_free(wrap->ssl);
    kad_ws_free(wrap->ws);
    kad_free(wrap->allocator, wrap->out, wrap->out ? OUT_ROOM : 0);
    kad_free(wrap->allocator, wrap, sizeof(*wrap));
}

bool kad_wrap_is_open(const struct kad_wrap *wrap)
{
    return wrap->ready && !wrap->over && kad_ws_is_open(wrap->ws);
}

/* -- bytes ----------------------------------------------------------------------------------------------------------- */

static bool take_sealed(struct kad_wrap *wrap)
{
    uint8_t opened[KAD_WRAP_LUMP];
    int n = 0;

    shake(wrap);
    while (wrap->ready && !wrap->over) {
        ERR_clear_error();
        n = SSL_read(wrap->ssl, opened, sizeof opened);
        if (n <= 0)
            break;
        if (!kad_ws_input(wrap->ws, (struct kad_bytes){opened, (size_t)n}))
            wrap->over = true;
    }
    if (wrap->ready && !wrap->over && n <= 0 && SSL_get_error(wrap->ssl, n) != SSL_ERROR_WANT_READ)
        wrap->over = true;
    ERR_clear_error();
    return !wrap->over;
}

bool kad_wrap_input(struct kad_wrap *wrap, struct kad_bytes bytes)
{
    if (wrap->over)
        return false;
    if (!wrap->ssl) {
        wrap->over = !kad_ws_input(wrap->ws, bytes);
        return !wrap->over;
    }
    if (BIO_write(wrap->in, bytes.data, (int)bytes.size) != (int)bytes.size)
        wrap->over = true;
    return !wrap->over && take_sealed(wrap);
}

bool kad_wrap_write(struct kad_wrap *wrap, struct kad_bytes bytes)
{
    return kad_wrap_is_open(wrap) && kad_ws_write(wrap->ws, bytes);
}

/* Through TLS, where there is any. */
static size_t produce(struct kad_wrap *wrap)
{
    uint8_t plain[KAD_WRAP_LUMP];
    size_t n;
    int sealed;

    if (!wrap->ssl)
        return kad_ws_output(wrap->ws, wrap->out, OUT_ROOM);
    if (wrap->ready && !BIO_ctrl_pending(wrap->to)) {
        n = kad_ws_output(wrap->ws, plain, sizeof plain);
        ERR_clear_error();
        if (n && SSL_write(wrap->ssl, plain, (int)n) != (int)n)
            wrap->over = true;
    }
    sealed = BIO_read(wrap->to, wrap->out, OUT_ROOM);
    return sealed > 0 ? (size_t)sealed : 0;
}

struct kad_bytes kad_wrap_out(struct kad_wrap *wrap)
{
    if (wrap->out_at == wrap->n_out) {
        wrap->out_at = wrap->n_out = 0;
        if (!wrap->out && (kad_ws_has_output(wrap->ws) || (wrap->ssl && BIO_ctrl_pending(wrap->to))))
            wrap->out = kad_alloc(wrap->allocator, OUT_ROOM);
        if (wrap->out)
            wrap->n_out = produce(wrap);
        if (wrap->out && !wrap->n_out) { /* quiet connections have no room of their own */
            kad_free(wrap->allocator, wrap->out, OUT_ROOM);
            wrap->out = NULL;
        }
    }
    return (struct kad_bytes){wrap->out ? wrap->out + wrap->out_at : NULL, wrap->n_out - wrap->out_at};
}

void kad_wrap_sent(struct kad_wrap *wrap, size_t n)
{
    wrap->out_at += n;
}
