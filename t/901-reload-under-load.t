# Reloads while requests come in: none is lost, each new configuration holds, the old workers go
# with everything they had.

use v5.32;
use warnings;
use experimental 'signatures';

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use RustPageCache;
use RustPageCache::Load;
use Time::HiRes qw(sleep);

my @pages = map { "/page/$_" } 1 .. 30;
for my $page (@pages) {
    memcached->set($page, "memcached $page\n" . 'x' x 3_000);
    redis->set($page, "redis $page\n" . 'x' x 3_000);
}

sub body ($by, $page) { return "$by $page\n" . ($by eq 'fallback' ? '' : 'x' x 3_000) }

sub configuration ($directive) {
    return (server => <<"CONF");
    location / {
        $directive
        try_files /none \@django;
    }
    location \@django {
        return 200 "fallback \$uri\\n";
    }
CONF
}

# name => directive, what its pages say, what the cache says
my $memcached = 'rust_page_cache ' . memcached->uri . ' key=raw';
my $redis     = 'rust_page_cache ' . redis->uri . ' key=raw';
my @rows      = (
    ['another store', "$redis;", 'redis', 'HIT'],
    ['pages too large', "$redis; rust_page_cache_max_size 2k;", 'fallback', 'ERROR too-large'],
    ['off', 'rust_page_cache off;', 'fallback', ''],
    ['on again', "$memcached;", 'memcached', 'HIT'],
    ['another key', "$memcached namespace=none:;", 'fallback', 'MISS absent'],
    ['bypass', "$memcached; rust_page_cache_bypass 1;", 'fallback', 'BYPASS bypass'],
    ['on once more', "$memcached;", 'memcached', 'HIT'],
);

my $nginx = nginx(
    workers => 2,
    errors  => ['is over rust_page_cache_max_size'],
    configuration("$memcached;"),
);
my %load = (
    dir     => scratch,
    port    => $nginx->port,
    targets => \@pages,
    bodies  => sub ($page) { map { body($_, $page) } qw(memcached redis fallback) },
);
my @loads = (RustPageCache::Load->start(%load), RustPageCache::Load->start(%load, keepalive => 1));

for my $row (@rows) {
    my ($name, $directive, $by, $cache) = @$row;
    sleep 0.15;
    $nginx->write(configuration($directive));
    ok $nginx->reload, "$name: the workers are replaced";
    my $response = $nginx->get('/page/7');
    is $response->cache, $cache, "$name: holds from now on";
    is $response->body, body($by, '/page/7'), "$name: the body";
}

# In quick succession, as those do who write their configuration by a script.
for (1 .. 10) {
    kill 'HUP', $nginx->pid;
    sleep 0.05;
}
ok wait_until(sub { !$nginx->leaving }), 'the old workers end';

for my $load (@loads) {
    my $sum = $load->stop;
    cmp_ok $sum->{requests}, '>', 100, "$sum->{requests} requests were sent";
    cmp_ok $sum->{cached}, '>', 20, 'some were answered by the cache';
    is $sum->{failures}, 0, 'none was lost' or diag explain $sum->{text};
}

# No worker but the present two has a connection to a store: two each, and one by this question.
ok wait_until(sub { memcached->stat('curr_connections') <= 2 * 2 + 3 }),
    'the connections of the old workers are closed';
$nginx->finish;

done_testing;
