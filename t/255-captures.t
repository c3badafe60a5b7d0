# Evaluating the parameters leaves $1 of the location as it was: for what comes after the look-up,
# and for the other pieces of the parameters.

use v5.32;
use warnings;
use experimental 'signatures';

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use RustPageCache;
use RustPageCache::Holding;

my $app     = '127.0.0.1:' . app->port;
my $store   = memcached->uri;
my $plain   = '127.0.0.1:' . memcached->port;
my $holding = RustPageCache::Holding->start(dir => scratch);
my $slow    = $holding->address;

# $taken: with captures, $matched: without, $fresh: evaluated each time, $named: into a variable.
my $maps = <<"CONF";
    map \$http_accept_language \$taken   { default en; "~^([^,;]+)(,.*)?" \$1; }
    map \$http_accept_language \$matched { default 0; "~^\\.\\./" 0; }
    map \$http_accept_language \$fresh   { volatile; default en; "~^([^,;]+)(,.*)?" \$1; }
    map \$http_accept_language \$named   { default en; "~^(?<tongue>[^,;]+)" \$tongue; }
    map \$http_accept_language \$bypass  { default ""; "~^(\\.\\.)(/.*)" 1; }
    map \$http_accept_language \$many    {
        default en; "~^(((((((((((((.)))))))))))))" \$9;
    }
    upstream by_map   { hash \$taken; server $plain; }
    upstream by_fresh { hash \$fresh consistent; server $plain; }
    upstream slow     { hash \$matched; server $slow; }
CONF

# name => the directive, in a location with a capture that its handler uses
my %location = (
    'lang'           => "rust_page_cache $store lang=\$taken;",
    'lang_matched'   => "rust_page_cache $store lang=\$matched;",
    'timezone'       => "rust_page_cache $store timezone=\$taken;",
    'uri'            => "rust_page_cache $store key=raw uri=\$taken;",
    'uri_fresh'      => "rust_page_cache $store key=raw uri=\$fresh;",
    'uri_named'      => "rust_page_cache $store key=raw uri=\$named;",
    'uri_many'       => "rust_page_cache $store key=raw uri=\$many;",
    'prefix'         => "rust_page_cache $store key=prefix prefix=\$taken;",
    'namespace'      => "rust_page_cache $store key=raw namespace=\$taken;",
    'bypass'         => "rust_page_cache $store key=raw; rust_page_cache_bypass \$bypass;",
    'bypass_matched' => "rust_page_cache $store key=raw; rust_page_cache_bypass \$matched;",
    'hash'           => 'rust_page_cache memcached://by_map key=raw;',
    'hash_fresh'     => 'rust_page_cache memcached://by_fresh key=raw;',
);
my $locations = join '', map { <<"CONF" } sort keys %location;
    location ~ ^/$_/(\\w+)\$ {
        $location{$_}
        proxy_pass http://$app/users/\$1;
    }
CONF

my $nginx = nginx(http => $maps . <<'CAPTURE', server => <<"CONF", errors => ['did not come within']);
    add_header X-Capture $1 always;
CAPTURE
$locations
    location ~ ^/file/(\\w+)\$ {
        rust_page_cache $store lang=\$taken fallback=next;
        alias html/www/\$1;
    }
    location ~ ^/fallback/(\\w+)\$ {
        rust_page_cache $store lang=\$taken fallback=\@named;
    }
    location \@named {
        proxy_pass http://$app/users/\$1;
    }
    location /rewritten/ {
        rewrite ^/rewritten/(\\w+)\$ /rewritten break;
        rust_page_cache $store lang=\$taken;
        proxy_pass http://$app/users/\$1;
    }
    location /if/ {
        if (\$uri ~ ^/if/(\\w+)) {
            rust_page_cache $store lang=\$taken;
            proxy_pass http://$app/users/\$1;
        }
    }
    location ~ ^/parked/(\\w+)\$ {
        rust_page_cache memcached://slow key=raw uri=/hold:\$taken;
        rust_page_cache_timeout 500ms;
        proxy_pass http://$app/users/\$1;
    }
    location ~ ^/beside/(\\w+)\$ {
        rust_page_cache $store key=raw uri=/\$1:\$taken:\$1;
        proxy_pass http://$app/users/\$1;
    }
    location ~ ^/beside_fresh/(\\w+)\$ {
        rust_page_cache $store key=raw uri=/\$1:\$fresh:\$1:\$fresh;
        proxy_pass http://$app/users/\$1;
    }
    location ~ ^/order/(\\w+)\$ {
        rust_page_cache $store key=raw namespace=\$taken: uri=\$1;
        proxy_pass http://$app/users/\$1;
    }
    location ~ ^/predicate/(\\w+)\$ {
        rust_page_cache $store key=raw;
        rust_page_cache_bypass \$matched\$1;
        proxy_pass http://$app/users/\$1;
    }
    location /none/ {
        rust_page_cache $store key=raw uri=/\$1:\$taken;
        proxy_pass http://$app;
    }
    location ~ ^/included/(\\w+)\$ {
        rust_page_cache off;
        ssi on;
        default_type text/html;
        alias html/www/included.html;
    }
CONF
mkdir $nginx->prefix . '/html/www';
$nginx->write_file('www/bob', "bob's file\n");
$nginx->write_file('secret.txt', "secret\n");
$nginx->write_file('www/included.html',
    '[<!--#include virtual="/lang/one" -->|<!--#include virtual="/uri/two" -->]');

my $language = '../admin/delete';

sub asked_for ($path, $expected, $name) {
    app->forget;
    my $response = $nginx->get($path, 'Accept-Language' => $language);
    is app->last->{target}, $expected, "$name: the application is asked for $expected";
    return $response;
}

for my $name (sort(keys %location), 'fallback', 'rewritten', 'if', 'beside', 'order', 'predicate') {
    my $response = asked_for("/$name/bob", '/users/bob', $name);
    is $response->status, 200, "$name: and answers";
    isnt $response->cache, '', "$name: it was the directive's business";
}

{
    my $response = $nginx->get('/file/bob', 'Accept-Language' => '../secret.txt');
    is $response->body, "bob's file\n", 'alias: the file of the location';
}

# ------------------------------------------------------------- parked

{
    my $client = $nginx->client;
    app->forget;
    $client->send(RustPageCache::Client::get('/parked/bob', 'Accept-Language' => $language));
    ok wait_until(sub { $holding->asked }), 'parked: the store is asked';
    $nginx->get('/lang/alice', 'Accept-Language' => 'other');
    app->forget;
    is $client->response->status, 200, 'parked: an answer';
    is app->last->{target}, '/users/bob', 'parked: of what the location says';
}

# --------------------------------------------- each piece of a parameter

my %key = (
    '/beside/bob'       => "/bob:$language:bob",
    '/beside_fresh/bob' => "/bob:$language:bob:$language",
    '/order/bob'        => "$language:bob",
    '/none/bob'         => "/:$language",
);
for my $path (sort keys %key) {
    my $response = $nginx->get($path, 'Accept-Language' => $language);
    is $response->header('X-Cache-Key'), $key{$path}, "$path: the key";
}
{
    my $long     = 'x' x 200;
    my $response = $nginx->get('/beside/b', 'Accept-Language' => $long);
    is $response->header('X-Cache-Key'), "/b:$long:b", 'a value much longer than the capture';
    $response = $nginx->get('/beside_fresh/' . 'b' x 80, 'Accept-Language' => 'x');
    is $response->header('X-Cache-Key'), '/' . join(':', 'b' x 80, 'x', 'b' x 80, 'x'),
        'and one much shorter';
}

# A map of ours that is evaluated anew each time still is.
{
    memcached->set('/bob:xx:bob:xx', "stored\n");
    my $response = $nginx->get('/beside_fresh/bob', 'Accept-Language' => 'xx');
    is $response->cache, 'HIT', 'a hit';
    is $response->header('X-Capture'), 'bob', 'and $1 for the fields of its answer';
}

# ------------------------------------- captures that subrequests share

{
    app->forget;
    my $response = $nginx->get('/included/page', 'Accept-Language' => $language);
    is $response->body, "[app GET /users/one\n|app GET /users/two\n]", 'subrequests have their own';
    is $response->header('X-Capture'), 'page', 'and leave those of the page';
}

$nginx->finish;
done_testing;
