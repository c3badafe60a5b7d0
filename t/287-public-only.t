# rust_page_cache_public_only: only pages that say so in their Cache-Control are for everybody.

use v5.32;
use warnings;
use experimental 'signatures';

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use RustPageCache;
use RustPageCache::Django qw(header_key page_key pickled_list pickled_page);

my $nginx = nginx(
    http   => "    rust_page_cache_public_only on;\n",
    server => <<"CONF",
    location /raw/ {
        rust_page_cache @{[redis->uri]} key=raw uri=page format=django;
    }
    location /off/ {
        rust_page_cache @{[redis->uri]} key=raw uri=page format=django;
        rust_page_cache_public_only off;
    }
    location /body/ {
        rust_page_cache @{[redis->uri]} key=raw uri=body;
        rust_page_cache_public_only off;
    }
    location / {
        rust_page_cache @{[memcached->uri]};
    }
    location \@django {
        return 200 "fallback\\n";
    }
CONF
);

my $uri = 'http://localhost/page';
memcached->set(header_key(uri => $uri), pickled_list(), 1);
redis->set('body', "stored\n");

my @table = (
    ['HIT',          'public'],
    ['HIT',          'max-age=600, Public'],
    ['HIT',          's-maxage=60'],
    ['HIT',          'a="private, no-store", public'],
    ['MISS private', undef],
    ['MISS private', ''],
    ['MISS private', 'max-age=600'],
    ['MISS private', 'private'],
    ['MISS private', 'public, private'],
    ['MISS private', 'public, private="X-A"'],
    ['MISS private', 's-maxage=60, no-store'],
    ['MISS private', 'x="a, public, b"'],
    ['MISS private', 'xpublic, public-x, public=1'],
    ['MISS private', 's-maxage=0'],
    ['MISS private', 'public max-age=600'],
);
for my $row (@table) {
    my ($outcome, $control) = @$row;
    my $shown = $control // 'none';
    my @field = defined $control ? ['Cache-Control', $control] : ();
    my $page  = pickled_page(headers => [['Content-Type', 'text/plain'], @field], body => "stored\n");
    memcached->set(page_key(uri => $uri), $page, 1);
    redis->set('page', $page);
    for my $target ('/page', '/raw/') {
        my $response = $nginx->get($target);
        is $response->cache, $outcome, "$target, Cache-Control: $shown: $outcome";
        is $response->body, $outcome eq 'HIT' ? "stored\n" : "fallback\n", "$target, $shown: body";
    }
    is $nginx->request('HEAD', '/page')->cache, $outcome, "HEAD, $shown: $outcome";
    is $nginx->get('/off/')->cache, 'HIT', "off, $shown: served";
}
is $nginx->get('/body/')->cache, 'HIT', 'bodies beside it, where it is off';

# A page that is for one client is refused for that first.
redis->set('page', pickled_page(headers => [['Set-Cookie', 'a=1']], body => 'x'));
is $nginx->get('/raw/')->cache, 'MISS set-cookie', 'a cookie: its own reason';

$nginx->finish;

# A body cannot say it: nginx -t refuses that, however it comes about.
my %refused = (
    'beside each other' => 'location / { rust_page_cache memcached://127.0.0.1 key=md5;
        rust_page_cache_public_only on; }',
    'from the server' => 'rust_page_cache_public_only on;
        location / { rust_page_cache redis://127.0.0.1 key=raw; }',
    'with format=body' => 'rust_page_cache_public_only on;
        location / { rust_page_cache redis://127.0.0.1 key=raw format=body; }',
    'in an if' => 'location / { rust_page_cache redis://127.0.0.1 key=raw;
        if ($arg_a) { rust_page_cache_public_only on; } }',
    'the directive from the server' => 'rust_page_cache memcached://127.0.0.1 key=prefix;
        location / { rust_page_cache_public_only on; proxy_pass http://127.0.0.1; }',
);
my $django = 'location @django { return 200; }';
for my $name (sort keys %refused) {
    my ($status, $output) = nginx_test(server => "$refused{$name} $django");
    isnt $status, 0, "$name: refused";
    like $output, qr/\[emerg\].*"rust_page_cache_public_only on".*format=body.*nginx\.conf:\d+/, "$name: why and where";
    like $output, qr/rust_page_cache_public_only off.*format=django/, "$name: and what to write";
}
my ($status, $output) = nginx_test(server => "rust_page_cache_public_only on;
    location / { rust_page_cache redis://127.0.0.1 key=raw format=django; }
    location /a { rust_page_cache off; rust_page_cache_public_only on; return 200; }
    location /b { rust_page_cache redis://127.0.0.1 key=raw; rust_page_cache_public_only off; }
    location /c { rust_page_cache_public_only on; return 200; } $django");
is $status, 0, 'whole responses, and locations without the directive, are accepted' or diag $output;

done_testing;
