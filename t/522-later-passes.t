# A request is looked up once; what nginx makes of it later (error_page, X-Accel-Redirect, try_files)
# goes to the fallback of the location that it comes to, with the status of the error.

use v5.32;
use warnings;
use experimental 'signatures';

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use RustPageCache;

my $app    = 'http://127.0.0.1:' . app->port;
my $closed = 'http://127.0.0.1:' . free_port;
my $store  = memcached->uri;

# What stands in `location /`: where a request goes that is not served from the cache.
my %fallback = (
    'named'   => "rust_page_cache $store key=raw fallback=\@named;",
    'handler' => "rust_page_cache $store key=raw; proxy_pass $app;",
    'django'  => "rust_page_cache $store key=raw;",
);

# Each stored page is one that a later pass must not serve.
my @pages = qw(/sorry /page /login/ /settings.py);
memcached->set($_, "stored\n") for @pages;
memcached->set('/stored', 'x' x 100);

sub start ($kind, %options) {
    my $nginx = nginx(%options, server => <<"CONF");
    proxy_intercept_errors on;
    recursive_error_pages @{[$options{recursive} // 'off']};
    location / {
        $fallback{$kind}
        location /inherits/ {
            root html;
        }
    }
    location \@plain {
        proxy_intercept_errors off;
        proxy_pass $app;
    }
    location \@named {
        proxy_pass $app;
    }
    location \@django {
        proxy_pass $app;
    }
    location \@dead {
        proxy_pass $closed;
    }
    location \@again {
        rust_page_cache $store key=raw fallback=\@plain;
    }
    error_page 400 = \@again;
    error_page 403 /sorry;
    error_page 404 /sorry;
    error_page 405 =200 /sorry;
    error_page 409 \@again;
    error_page 410 = /sorry;
    error_page 416 /sorry;
    error_page 502 504 /sorry;
    location /denied/ {
        deny all;
        $fallback{$kind}
    }
    location /denied-named/ {
        error_page 403 \@again;
        deny all;
        $fallback{$kind}
    }
    location /private/ {
        auth_request /auth;
        error_page 401 /login/;
        $fallback{$kind}
    }
    location /private-too/ {
        auth_request /auth;
        error_page 401 = /login/;
        $fallback{$kind}
    }
    location = /auth {
        internal;
        rust_page_cache off;
        return 401;
    }
    location /returned/ {
        $fallback{$kind}
        return 404;
    }
    location /down/ {
        rust_page_cache $store key=raw fallback=\@dead;
    }
    location /down-too/ {
        rust_page_cache $store key=raw;
        error_page 502 = /sorry;
        proxy_pass $closed;
    }
    location /try/ {
        rust_page_cache $store key=raw fallback=next;
        try_files \$uri /page;
    }
    location /try-again/ {
        rust_page_cache $store key=raw fallback=next;
        try_files \$uri /try-again/none;
    }
$options{more}
CONF
    mkdir $nginx->prefix . '/html/inherits';
    $nginx->write_file($_, "a file\n") for 'sorry', 'page', 'settings.py';
    $nginx->write_file('inherits/page', "a file too\n");
    return $nginx;
}

# [request, status, what the application is asked for, cache, gets]
my @table = (
    ['GET /_status/404',       404, 'GET /sorry',           'MISS absent',   1],
    ['HEAD /_status/404',      404, 'HEAD /sorry',          'MISS absent',   1],
    ['POST /_status/404',      404, 'GET /sorry',           'BYPASS method', 0],
    ['GET /_status/405',       200, 'GET /sorry',           'MISS absent',   1],
    ['GET /_status/410',       200, 'GET /sorry',           'MISS absent',   1],
    ['GET /_status/403',       403, 'GET /sorry',           'MISS absent',   1],
    ['GET /down/x',            502, 'GET /sorry',           'MISS absent',   1],
    ['POST /down/x',           502, 'GET /sorry',           'BYPASS method', 0],
    ['GET /down-too/x',        200, 'GET /sorry',           'MISS absent',   1],
    ['GET /denied/x',          403, 'GET /sorry',           '',              0],
    ['POST /denied/x',         403, 'GET /sorry',           '',              0],
    ['GET /denied-named/page', 403, 'GET /denied-named/page', '',            0],
    ['GET /private/x',         401, 'GET /login/',          '',              0],
    ['GET /private-too/x',     200, 'GET /login/',          '',              0],
    ['GET /returned/x',        404, 'GET /sorry',           '',              0],
    ['GET /_accel/page',       200, 'GET /page',            'MISS absent',   1],
    ['POST /_accel/page',      200, 'GET /page',            'BYPASS method', 0],
    ['GET /_accel/settings.py', 200, 'GET /settings.py',    'MISS absent',   1],
    ['GET /_accel/_accel/page', 200, 'GET /page',           'MISS absent',   1],
    ['GET /_accel/_status/404', 404, 'GET /sorry',          'MISS absent',   1],
    ['GET /try/x',             200, 'GET /page',            'MISS absent',   1],
    # A named location that falls back itself is entered once more, and hands on what it gets.
    ['GET /_status/409',       409, 'GET /_status/409',     'MISS absent',   1],
    ['GET /_status/400',       400, 'GET /_status/400',     'MISS absent',   1],
);

sub gets () { return memcached->stat('cmd_get') }

for my $kind (sort keys %fallback) {
    my $nginx = start($kind, more => '', errors => [
        'access forbidden by rule', 'Connection refused', 'rewrite or internal redirection cycle',
    ]);
    for my $row (@table) {
        my ($request, $status, $asked, $cache, $gets) = @$row;
        my $name = "$kind: $request";
        my ($method, $target) = split / /, $request;
        my $before = gets;
        app->forget;
        my $body     = $method eq 'POST' ? 'a=1' : '';
        my $response = $nginx->raw(RustPageCache::Client::message($method, $target, $body));
        my $last     = app->last;
        is $response->status, $status, "$name: $status";
        is "$last->{method} $last->{target}", $asked, "$name: the application is asked for $asked";
        like $response->body, qr/^app \Q$asked\E/, "$name: and its answer is sent" if $method ne 'HEAD';
        is $response->cache, $cache, "$name: decided once";
        is gets() - $before, $gets, "$name: and looked up as often";
    }

    # The error page of a hit.
    my $response = $nginx->get('/stored', Range => 'bytes=200-');
    is $response->status, 416,                "$kind: a hit whose range cannot be: 416";
    is $response->body,   "app GET /sorry\n", "$kind: with the application's page for it";

    # A location without a handler that merely inherits is not looked up, and serves its files later.
    if ($kind ne 'named') {
        $response = $nginx->get('/_accel/inherits/page');
        is $response->body,  "a file too\n", "$kind: a location that does not look up serves itself";
        is $response->cache, 'MISS absent',  "$kind: also in a later pass";
    }

    # As nginx ends it.
    app->forget;
    is $nginx->get('/try-again/x')->status, 500, "$kind: a circle of try_files ends";
    my $accel = '/_accel' x 30 . '/page';
    is $nginx->get($accel)->status, 500, "$kind: a circle of X-Accel-Redirect ends";
    cmp_ok scalar(app->requests), '<=', 11, "$kind: soon";
    is scalar($nginx->log_lines('redirection cycle')), 2, "$kind: and the log says so";
    is $nginx->get('/page')->body, "stored\n", "$kind: the worker is well";
    $nginx->finish($kind);
}

# ------------------------------------------------------ in circles

for my $kind (sort keys %fallback) {
    my $nginx = start($kind, recursive => 'on', errors => ['redirection cycle', 'Connection refused'], more => <<"CONF");
    location /circle/ {
        rust_page_cache $store key=raw fallback=\@circle;
    }
    location \@circle {
        error_page 404 /circle/;
        rewrite ^ /_status/404 break;
        proxy_pass $app;
    }
    location /turns/ {
        rust_page_cache $store key=raw fallback=\@turn;
    }
    location \@turn {
        rust_page_cache $store key=raw fallback=\@turned;
        error_page 502 = \@turned;
        proxy_pass $closed;
    }
    location \@turned {
        rust_page_cache $store key=raw fallback=\@turn;
        proxy_pass $app;
    }
CONF
    for my $target ('/circle/', '/turns/') {
        app->forget;
        my $before   = gets;
        my $response = $nginx->get($target);
        is $response->status, 500, "$kind: $target: 500";
        is $response->cache, 'MISS absent', "$kind: $target: decided once";
        is gets() - $before, 1, "$kind: $target: looked up once";
        cmp_ok scalar(app->requests), '<=', 11, "$kind: $target: within nginx's bounds";
    }
    is scalar($nginx->log_lines('redirection cycle')), 2, "$kind: the log says so";
    is $nginx->get('/page')->body, "stored\n", "$kind: the worker is well";
    $nginx->finish("$kind, in circles");
}

done_testing;
