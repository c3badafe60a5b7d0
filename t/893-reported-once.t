# nginx's balancer is told of each server that it gave, once, and of failures of transport only.

use v5.32;
use warnings;
use experimental 'signatures';

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use RustPageCache;
use RustPageCache::Holding;
use Time::HiRes qw(sleep);

plan skip_all => 'the balancer writes its books to the debug log; this nginx has none'
    if qx(@{[nginx_binary]} -V 2>&1) !~ /--with-debug/;

my ($closed, $closed2) = (free_port, free_port);
my ($closing, $closing2) = map { fake_memcached(sub ($c, $key) { $c->close }) } 1, 2;
my $silent  = fake_memcached(sub ($c, $key) { $c->stall });
my $babbles = fake_memcached(sub ($c, $key) { $c->send("BABBLE\r\n")->stall });
my $locked  = fake_redis(sub ($c, $key) { }, handshake => sub ($c, @) { $c->stall });
my $refuses = fake_redis(sub ($c, $key) { }, handshake => sub ($c, @) { $c->send("-ERR no\r\n") });
my $slow    = fake_memcached(sub ($c, $key) { $c->pause(0.4)->value($key, "slow\n") });
my $good    = memcached->address;
memcached->set("/$_/page", "stored\n") for qw(refused unfailing alone mortal);
memcached->set('/alone/large', 'x' x 5_000);
memcached->set('/alone/page.gz', 'no gzip', 8);
redis->set("/$_/page", "stored\n") for qw(locked refuses);
my $mortal = RustPageCache::Holding->start(dir => scratch);

my %upstream = (
    'refused'   => ["server 127.0.0.1:$closed; server $good;", 'memcached'],
    'unfailing' => ["server 127.0.0.1:$closed2 max_fails=0; server $good;", 'memcached'],
    'closing'   => ["server @{[$closing->address]}; server $good;", 'memcached'],
    'again'     => ["server @{[$closing2->address]} max_fails=0; server $good;", 'memcached'],
    'silent'    => ["server @{[$silent->address]}; server $good;", 'memcached'],
    'babbles'   => ["server @{[$babbles->address]}; server $good;", 'memcached'],
    'slow'      => ["server @{[$slow->address]}; server $good;", 'memcached'],
    'alone'     => ["server $good; server 127.0.0.1:$closed down;", 'memcached'],
    'locked'    => ["server @{[$locked->address]}; server @{[redis->address]};", 'redis', ':secret@'],
    'refuses'   => ["server @{[$refuses->address]}; server @{[redis->address]};", 'redis', ':secret@'],
    'mortal'    => ["server @{[$mortal->address]}; server $good;", 'memcached'],
);
redis->ask(qw(CONFIG SET requirepass secret));

my $nginx = nginx(
    errors => ['rust_page_cache'],
    http   => join("\n", 'error_log debug.log debug;',
        map { "upstream $_ { $upstream{$_}[0] }" } sort keys %upstream),
    server => join "\n", <<'CONF', map { <<"CONF" } sort keys %upstream);
    location @django {
        return 200 fallback;
    }
CONF
    location /$_ {
        rust_page_cache $upstream{$_}[1]://@{[$upstream{$_}[2] // '']}$_ key=raw;
        rust_page_cache_max_size 4k;
        rust_page_cache_connections 1;
        rust_page_cache_connect_timeout 800ms;
        rust_page_cache_timeout @{[$_ eq 'silent' ? '300ms' : '5s']};
    }
    location /django/$_ {
        rust_page_cache $upstream{$_}[1]://$_;
    }
CONF

# What the balancer was asked and told since the last time: "get" with the tries
# that were left, "fine" and "failed" likewise.
my $read = 0;

sub books () {
    my $log = substr $nginx->read_file('debug.log'), $read;
    $read += length $log;
    return map {
              /get rr peer, try: (\d+)/     ? "get $1"
            : /free rr peer (\d+) 0$/       ? "fine $1"
            : /free rr peer (\d+) 4$/       ? "failed $1"
            : /free rr peer (\d+) (\d+)$/   ? "state $2"
            :                                 ()
    } split /\n/, $log;
}

# name, target, outcome, what the balancer was told
my @fine = ('get 1', 'fine 1');
my @rows = (
    ['refused', '/refused/page', 'HIT', 'get 2', 'failed 2', 'get 1', 'fine 1'],
    ['left out by nginx', '/refused/page', 'HIT', 'get 2', 'fine 2'],
    ['refused, max_fails=0', '/unfailing/page', 'HIT', 'get 2', 'failed 2', 'get 1', 'fine 1'],
    ['the other one in turn', '/unfailing/page', 'HIT', 'get 2', 'fine 2'],
    ['left out by the module', '/unfailing/page', 'HIT', 'get 2', 'fine 2', 'get 1', 'fine 1'],
    ['closes twice', '/closing/page', 'ERROR closed', 'get 2', 'failed 2'],
    ['closes, max_fails=0', '/again/page', 'ERROR closed', 'get 2', 'failed 2'],
    ['the other one meanwhile', '/again/page', 'MISS absent', 'get 2', 'fine 2'],
    ['closes, and is left alone', '/again/page', 'MISS absent', 'get 2', 'failed 2', @fine],
    ['silent', '/silent/page', 'ERROR timeout', 'get 2', 'failed 2'],
    ['babbles', '/babbles/page', 'ERROR protocol', 'get 2', 'fine 2'],
    ['does not let us in', '/locked/page', 'HIT', 'get 2', 'failed 2', 'get 1', 'fine 1'],
    ['refuses us', '/refuses/page', 'HIT', 'get 2', 'failed 2', 'get 1', 'fine 1'],
    ['a hit', '/alone/page', 'HIT', @fine],
    ['a miss', '/alone/none', 'MISS absent', @fine],
    ['too large', '/alone/large', 'ERROR too-large', @fine],
    ['known to be too large', '/alone/large', 'ERROR too-large', @fine],
    ['cannot be decoded', '/alone/page.gz', 'ERROR undecodable', @fine],
    ['several keys', '/django/alone', 'MISS absent', @fine],
);
for my $row (@rows) {
    my ($name, $target, $outcome, @told) = @$row;
    is $nginx->get($target)->cache, $outcome, "$name: $outcome";
    is_deeply [books], \@told, "$name: the balancer is told";
}
is $closing->connections, 2, 'closes twice: it was asked twice';

# Who left is no failure, and is told of at once.
my $client = $nginx->client->send(RustPageCache::Client::get('/slow/page'));
ok wait_until(sub { () = $slow->gets }), 'the client leaves: the store was asked';
$client->abort;
my @told;
ok wait_until(sub { push @told, books; @told >= 2 }), 'the client leaves: the balancer is told';
ok wait_until(sub { $slow->commands }), 'the client leaves: the reply comes';
sleep 0.6;
is_deeply [@told, books], ['get 2', 'fine 2'], 'the client leaves: once, although a reply comes';

# A store that dies with many look-ups on it: each is reported once, each finds the other one.
my @clients = map { $nginx->client->send(RustPageCache::Client::get("/mortal/hold/$_")) } 1 .. 40;
ok wait_until(sub { $mortal->asked >= 20 }), 'dies: it has half of them';
$mortal->refuse->stop;
my %answer;
$answer{$_ ? $_->cache : 'none'}++ for map { $_->response } @clients;
is_deeply \%answer, {'MISS absent' => 39, 'ERROR closed' => 1},
    'dies: the other one answers all but the one whose reply had begun';
my %sum;
$sum{$_}++ for books;
is_deeply \%sum, {'get 2' => 40, 'failed 2' => 20, 'get 1' => 19, 'fine 2' => 20, 'fine 1' => 19},
    'dies: each of twenty is told once';

$nginx->finish;

done_testing;
