# A named location with the directive is looked up also when an error_page leads to it, unless the
# request was looked up before, or refused by access control.

use v5.32;
use warnings;
use experimental 'signatures';

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use RustPageCache;
use RustPageCache::Holding;
use RustPageCache::Django qw(header_key page_key pickled_list pickled_page);

my $app    = 'http://127.0.0.1:' . app->port;
my $closed = 'http://127.0.0.1:' . free_port;
my $store  = memcached->uri;
my $slow   = RustPageCache::Holding->start(dir => scratch);
my $date   = 'Sun, 06 Nov 1994 08:49:37 GMT';

# The application behind these is down, and each error leads to the old copy in another way.
my %leads = (
    'equals' => 'error_page 502 = @old_copy;',
    'keeps'  => 'error_page 502 @old_copy;',
    'ok'     => 'error_page 502 =200 @old_copy;',
    'teapot' => 'error_page 502 =418 @old_copy;',
    'empty'  => 'error_page 502 =204 @old_copy;',
    'misses' => 'error_page 502 = @old_copy_or_not;',
    'kept'   => 'error_page 502 @old_copy_or_not;',
    'asks'   => 'error_page 502 = @old_copy_or_app;',
    'django' => 'error_page 502 = @old_page;',
    'stale'  => 'error_page 502 @old_page;',
    'slow'   => 'error_page 502 = @old_copy_slow;',
    'in_if'  => 'error_page 502 = @old_copy_if;',
    'looked' => "rust_page_cache $store key=raw; error_page 502 = \@old_copy_or_app;",
);
my $locations = join '', map { <<"CONF" } sort keys %leads;
    location /$_/ {
        $leads{$_}
        proxy_pass $closed;
    }
CONF

my $named = <<"CONF";
    location \@old_copy {
        rust_page_cache $store key=raw fallback=\@sorry;
    }
    location \@old_copy_or_not {
        rust_page_cache $store key=raw fallback=\@sorry;
    }
    location \@old_copy_slow {
        rust_page_cache @{[$slow->uri]} key=raw fallback=\@sorry;
    }
    location \@old_copy_if {
        if (\$request_method ~ .) {
            rust_page_cache $store key=raw fallback=\@sorry;
        }
    }
    location \@old_copy_or_app {
        rust_page_cache $store key=raw;
        proxy_pass $app;
    }
    location \@old_page {
        rust_page_cache $store;
    }
    location \@sorry {
        return 503 "sorry\\n";
    }
    location \@django {
        return 200 "django\\n";
    }
CONF

my $nginx = nginx(errors => ['Connection refused', 'html/files/page'], server => <<"CONF");
$locations
$named
    location /parts/ {
        ssi on;
        default_type text/html;
        alias html/parts/;
    }
    location /intercepted/ {
        error_page 404 503 = \@old_copy;
        proxy_intercept_errors on;
        rewrite ^/intercepted(/.*) \$1 break;
        proxy_pass $app;
    }
    location /files/ {
        error_page 404 = \@old_copy;
        root html;
    }
    location /routed/ {
        error_page 418 = \@old_copy;
        return 418;
    }
CONF

my $before = 0;

# The response, and how often the store was asked.
sub ask ($method, $target, @headers) {
    $before = memcached->stat('cmd_get');
    my $body = $method eq 'POST' ? 'a=1' : '';
    return $nginx->raw(RustPageCache::Client::message($method, $target, $body, @headers));
}
sub gets () { return memcached->stat('cmd_get') - $before }

memcached->set("/$_/page", "an old copy\n") for keys(%leads), 'files', 'routed', 'parts';
memcached->set('/_status/404', "an old copy\n");
for my $path ('/django/page', '/stale/page') {
    my $uri   = "http://localhost$path";
    my @dated = (['ETag', '"stored"'], ['Last-Modified', $date], ['X-Page', 'yes']);
    memcached->set(header_key(uri => $uri), pickled_list(), 1);
    memcached->set(
        page_key(uri => $uri),
        pickled_page(headers => [['Content-Type', 'text/plain'], @dated], body => "an old page\n"),
        1,
    );
}

# [path, status, body, cache]
for my $row (
    ['/equals/page', 200, "an old copy\n", 'HIT'],
    ['/ok/page',     200, "an old copy\n", 'HIT'],
    ['/keeps/page',  502, "an old copy\n", 'HIT'],
    ['/teapot/page', 418, "an old copy\n", 'HIT'],
    ['/in_if/page',  200, "an old copy\n", 'HIT'],
    ['/django/page', 200, "an old page\n", 'HIT'],
    ['/stale/page',  502, "an old page\n", 'HIT'],
    ['/empty/page',  204, '',              'HIT'],
    ['/files/page',  200, "an old copy\n", 'HIT'],
    ['/routed/page', 200, "an old copy\n", 'HIT'],
    ['/misses/none', 503, "sorry\n",       'MISS absent'],
    ['/kept/none',   502, "sorry\n",       'MISS absent'],
    ['/django/none', 200, "django\n",      'MISS absent'],
    ['/stale/none',  502, "django\n",      'MISS absent'],
    ['/asks/none',   200, "app GET /asks/none\n", 'MISS absent'],
) {
    my ($path, $status, $body, $cache) = @$row;
    my $response = ask('GET', $path);
    is $response->status, $status, "$path: $status";
    is $response->body,   $body,   "$path: the body";
    is $response->cache,  $cache,  "$path: $cache";
    $response = ask('HEAD', $path);
    is $response->status, $status, "HEAD $path: $status";
    is $response->cache,  $cache,  "HEAD $path: $cache";
}
{
    my $response = ask('GET', '/intercepted/_status/404');
    is $response->cache, 'HIT',           'the application said that it has no page: the store has';
    is $response->body,  "an old copy\n", 'that one';
}

# ------------------------------------- what has been looked up once is not again

{
    memcached->delete('/looked/page');
    my $response = ask('GET', '/looked/page');
    is $response->body,  "app GET /looked/page\n", 'a request that was looked up goes to the fallback';
    is $response->cache, 'MISS absent',            'as it was decided';
    is gets, 1, 'once';
}

# ------------------------------------------------------- other methods

for my $path ('/asks/page', '/looked/page') {
    my $response = ask('POST', $path);
    is $response->body,  "app POST $path\na=1", "POST $path: the fallback gets method and body";
    is $response->cache, 'BYPASS method',       "POST $path: not looked up";
    is gets, 0, "POST $path: the store is not asked";
}

# ------------------------------- validators are those of the page, not of the error

for my $path ('/keeps/page', '/stale/page', '/teapot/page') {
    my $response = ask('GET', $path);
    is $response->header($_), undef, "$path: no $_" for qw(ETag Last-Modified Accept-Ranges);
    for my $condition (
        ['If-None-Match' => '*'], ['If-None-Match' => '"stored"'], ['If-Modified-Since' => $date],
        ['If-Match' => '"other"'], ['Range' => 'bytes=0-1'], ['Range' => 'bytes=100-'],
    ) {
        is ask('GET', $path, @$condition)->status, $response->status, "$path: @$condition: no matter";
    }
}
is ask('GET', '/stale/page')->header('X-Page'), 'yes', 'the other fields are sent';
{
    my $tag = ask('GET', '/equals/page')->header('ETag');
    like $tag, qr/^"\S+"$/, 'a page with its own status has a validator';
    is ask('GET', '/equals/page', 'If-None-Match' => $tag)->status, 304, 'which is compared';
    is ask('GET', '/ok/page', 'If-None-Match' => $tag)->status, 304, 'also where it is said to be 200';
    is ask('GET', '/equals/page', 'Range' => 'bytes=0-1')->body, 'an', 'and a range is one';
    is ask('GET', '/django/page', 'If-None-Match' => '"stored"')->status, 304, 'a stored one too';
}

# ------------------------------------------------------ while the store is slow

{
    my @clients = map { $nginx->client->send(RustPageCache::Client::get("/slow/hold/$_")) } 1 .. 3;
    ok wait_until(sub { $slow->asked == 3 }), 'a slow store is asked';
    (pop @clients)->close;
    $slow->release;
    is $_->response->status, 200, 'who waits gets the old copy' for @clients;
    is ask('GET', '/equals/page')->status, 200, 'and who has left does no harm';
}

# ----------------------------------------------------------- in a part of a page

{
    mkdir $nginx->prefix . '/html/parts';
    $nginx->write_file('parts/whole', '[<!--#include virtual="/equals/page" -->]');
    is ask('GET', '/parts/whole')->body, "[an old copy\n]", 'an SSI include that failed';
}
$nginx->finish;

# ---------------------------------------------- what access control has refused

for my $recursive ('off', 'on') {
    my $refusals = <<"CONF";
    recursive_error_pages $recursive;
    error_page 400 = \@closed;
    location \@closed {
        rust_page_cache $store key=raw fallback=\@no;
    }
    location \@closed_if {
        if (\$request_method ~ .) {
            rust_page_cache $store key=raw fallback=\@no;
        }
    }
    location \@detour {
        try_files /none \@closed;
    }
    location \@fails {
        error_page 502 = \@closed;
        error_page 404 = \@closed;
        proxy_pass $closed;
    }
    location \@no {
        return 200 "no\\n";
    }
    location = /auth {
        internal;
        return 401;
    }
CONF
    my %refused = (
        'deny'     => 'error_page 403 = @closed; deny all;',
        'kept'     => 'error_page 403 @closed; deny all;',
        'if'       => 'error_page 403 = @closed_if; deny all;',
        'basic'    => 'error_page 401 = @closed; auth_basic x; auth_basic_user_file html/none;',
        'request'  => 'error_page 401 = @closed; auth_request /auth;',
        'any'      => 'error_page 401 403 = @closed; satisfy any; deny all; auth_request /auth;',
        'limited'  => 'error_page 503 = @closed; limit_req zone=one;',
        'internal' => 'error_page 404 = @closed; internal;',
        'detour'   => 'error_page 403 = @detour; deny all;',
        'fails'    => 'error_page 403 = @fails; deny all;',
    );
    for my $name (sort keys %refused) {
        memcached->set("/$name/page", "a closed page\n");
        $refusals .= <<"CONF";
    location /$name/ {
        $refused{$name}
        proxy_pass $app;
    }
CONF
    }
    $nginx = nginx(
        http   => "limit_req_zone \$server_name zone=one:32k rate=1r/m;",
        server => $refusals,
        errors => ['forbidden by rule', 'limiting requests', 'html/none', 'refused', 'no user/password'],
    );
    $nginx->get('/limited/other');
    for my $name (sort keys %refused) {
        my $response = ask('GET', "/$name/page");
        unlike $response->body, qr/closed page/, "$name, recursive $recursive: not the stored page";
        is gets, 0, "$name, recursive $recursive: the store is not asked";
        next if $name eq 'fails' && $recursive eq 'off';
        is $response->body, "no\n", "$name, recursive $recursive: the fallback";
        is $response->status, $name eq 'kept' ? 403 : 200, "$name, recursive $recursive: the status";
        is $response->cache, '', "$name, recursive $recursive: nothing was decided";
    }

    # A request that nginx refuses before it comes to any location.
    memcached->set('/page', "a closed page\n");
    my $response = $nginx->raw("GET /page HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n");
    is $response->body, "no\n", "bad request, recursive $recursive: the fallback";
    $nginx->finish("refused, recursive $recursive");
    refuse_certificate($recursive);
}

# A client without the certificate that it needs.
sub refuse_certificate ($recursive) {
    my ($key, $certificate) = map { scratch . "/$_.pem" } qw(key certificate);
    my $made = system "openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=localhost -days 2"
        . " -keyout $key -out $certificate 2>/dev/null";
    is $made, 0, 'a certificate';
    my $secure = nginx(listen => 'ssl', errors => [], server => <<"CONF");
    ssl_certificate $certificate;
    ssl_certificate_key $key;
    ssl_client_certificate $certificate;
    ssl_verify_client on;
    recursive_error_pages $recursive;
    error_page 495 496 = \@closed;
    location / {
        rust_page_cache $store key=raw fallback=\@no;
    }
    location \@closed {
        rust_page_cache $store key=raw fallback=\@no;
    }
    location \@no {
        return 200 "no\\n";
    }
CONF
    my $curl = 'curl -sk --max-time 10';
    my $url  = 'https://localhost:' . $secure->port . '/page --resolve localhost:' . $secure->port . ':127.0.0.1';
    is qx($curl $url), "no\n", "no certificate, recursive $recursive: the fallback";
    is qx($curl --cert $certificate --key $key $url), "a closed page\n", 'with one: the stored page';
    $secure->finish("certificates, recursive $recursive");
    return;
}

# ------------------------------------------- behind a rewrite of the whole server

{
    $nginx = nginx(server => <<"CONF");
    rewrite ^/short\$ /rewritten;
    location / {
        try_files /none \@cache;
    }
    location \@cache {
        rust_page_cache $store key=raw;
        proxy_pass $app;
    }
CONF
    memcached->set('/rewritten', "stored\n");
    is $nginx->get('/short')->body, "stored\n", 'a request that was rewritten is not one that was refused';
    $nginx->finish('rewritten');
}

done_testing;
