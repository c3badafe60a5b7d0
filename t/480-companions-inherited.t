# Every companion directive is inherited from http, from server and from location, and overridden.

use v5.32;
use warnings;
use experimental 'signatures';

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use RustPageCache;
my $slow = fake_memcached(sub ($c, $key) { $c->pause(0.4)->value($key, "stored\n") });
my $late = fake_redis(
    sub ($c, $key) { $c->bulk("stored\n") },
    handshake => sub ($c, @words) { $c->pause(0.4)->send("+OK\r\n") },
);
my $uri = memcached->uri;
memcached->set('big',  'x' x 2000);
memcached->set('gzip', 'as it is', 2);
memcached->set('page', "stored\n");

# directive, the value under test, the value that overrides it, a request of
# which the outcome differs, and the outcomes under each
my @table = (
    ['bypass', '$arg_nocache', '0', "$uri key=raw uri=page", 'BYPASS bypass', 'HIT'],
    ['ignore', '/a', '/b', "$uri key=raw uri=page", 'BYPASS ignore', 'HIT'],
    ['max_size', '1k', '4k', "$uri key=raw uri=big", 'ERROR too-large', 'HIT'],
    ['timeout', '2s', '100ms', $slow->uri . ' key=raw', 'HIT', 'ERROR timeout'],
    [
        'connect_timeout', '2s; rust_page_cache_timeout 2s', '100ms',
        'redis://' . $late->address . '/1 key=raw', 'HIT', 'ERROR connect',
    ],
);

for my $row (@table) {
    my ($name, $value, $other, $cache, $expected, $overridden) = @$row;
    my $directive = "rust_page_cache_$name $value;";
    my $override  = "rust_page_cache_$name $other;";
    my $location  = "rust_page_cache $cache; proxy_pass http://127.0.0.1:@{[app->port]};";
    my %place     = (
        'http'     => [$directive, '', "location / { $location }"],
        'server'   => ['', $directive, "location / { $location }"],
        'location' => ['', '', "location / { $directive $location }"],
        'if' => ['', '', "location / { $location if (\$arg_nocache) { $directive } }"],
        'the location around' => ['', '', "location / { $directive location /a { $location } }"],
    );
    for my $where (sort keys %place) {
        my ($http, $server, $locations) = @{$place{$where}};
        is outcome($http, $server, $locations), $expected, "$name, from $where";
    }
    is outcome($directive, $override, "location / { $location }"), $overridden,
        "$name, the server before http";
    is outcome('', $directive, "location / { $override $location }"), $overridden,
        "$name, the location before the server";
}

# The other two show in the headers.
my @headers = (
    ['etag', 'off', 'on', 'page', sub ($r) { defined $r->header('ETag') ? 'on' : 'off' }],
    ['gzip_flag', '2', '0', 'gzip', sub ($r) { defined $r->header('Content-Encoding') ? '2' : '0' }],
);
for my $row (@headers) {
    my ($name, $value, $other, $key, $seen) = @$row;
    my $directive = "rust_page_cache_$name $value;";
    my $override  = "rust_page_cache_$name $other;";
    my $location  = "rust_page_cache $uri key=raw uri=$key; proxy_pass http://127.0.0.1:@{[app->port]};";
    is $seen->(answer($directive, '', "location / { $location }")), $value, "$name, from http";
    is $seen->(answer('', $directive, "location / { $location }")), $value, "$name, from server";
    is $seen->(answer($directive, $override, "location / { $location }")), $other,
        "$name, the server before http";
    is $seen->(answer('', $directive, "location / { $override $location }")), $other,
        "$name, the location before the server";
    is $seen->(answer('', '', "location / { $location if (\$arg_nocache) { $directive } }")), $value,
        "$name, in an if";
}

# And the number of connections on the other side.
for my $place ('http', 'server', 'location', 'if') {
    my $store = fake_memcached(sub ($c, $key) { $c->pause(0.002)->value($key, "stored\n") });
    my %text  = ($place => 'rust_page_cache_connections 1;');
    $_ //= '' for @text{qw(http server location if)};
    my $nginx = nginx(
        http   => $text{http},
        server => <<"CONF",
    rust_page_cache_timeout 5s;
    $text{server}
    location / {
        rust_page_cache @{[$store->uri]} key=raw;
        $text{location}
        if (\$arg_nocache) {
            $text{if}
        }
    }
    location \@django {
        return 200;
    }
CONF
    );
    $nginx->get_many(map { "/$_?nocache=1" } 1 .. 200);
    is $store->connections, 1, "connections, from $place";
    $nginx->quit('TERM');
}

sub outcome (@where) { return answer(@where)->cache }

sub answer ($http, $server, $locations) {
    my $nginx = nginx(
        http   => $http,
        server => "$server\n$locations\nlocation \@django { return 200; }",
    );
    my $response = $nginx->get('/a?nocache=1');
    $nginx->quit('TERM');
    return $response;
}

done_testing;
