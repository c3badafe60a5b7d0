# least_conn, max_conns and zones: a look-up counts for its server while it waits, and no longer.

use v5.32;
use warnings;
use experimental 'signatures';

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use IO::Select;

use RustPageCache;
use RustPageCache::Holding;

my @stores = map { RustPageCache::Holding->start(dir => scratch) } 1 .. 3;
my ($one, $two, $three) = map { $_->address } @stores;

sub start ($upstreams, %options) {
    return nginx(
        %options,
        http   => join("\n", map { "upstream $_ { $upstreams->{$_} }" } sort keys %$upstreams),
        server => join "\n", <<'CONF', map { <<"CONF" } sort keys %$upstreams);
    add_header X-Cache $rust_page_cache_status;
    add_header X-Cache-Reason $rust_page_cache_reason;
    add_header X-Store $rust_page_cache_store;
    add_header X-Worker $pid;
    rust_page_cache_timeout 30s;
    location @django {
        return 200 fallback;
    }
CONF
    location /$_/ {
        rust_page_cache memcached://$_ key=raw;
    }
CONF
}

my $nginx = start({
    'least'    => "least_conn; server $one; server $two; server $three;",
    'weights'  => "least_conn; server $one weight=3; server $two;",
    'random'   => "random two; server $one; server $two;",
    'limited'  => "server $one max_conns=2; server $two max_conns=3;",
    'overflow' => "server $one max_conns=1; server $two backup;",
});

# How many look-ups the stores have been sent, by store, once it is so many in all.
sub asked ($sum) {
    my $counts = sub { map { $_->asked } @stores };
    wait_until(sub { my $n = 0; $n += $_ for $counts->(); $n >= $sum });
    return [$counts->()];
}

sub park ($path, $n) {
    return map { $nginx->client->send(RustPageCache::Client::get("$path/hold/$_")) } 1 .. $n;
}

sub asks ($path, $n) {
    return [map { $nginx->get("$path/now/$_")->header('X-Store') } 1 .. $n];
}

# They go away, and nginx has noticed.
sub leave (@clients) {
    my $rest = $nginx->descriptors - @clients;
    $_->abort for @clients;
    ok wait_until(sub { $nginx->descriptors <= $rest }), 'nginx notices that clients leave';
    return;
}

# Those who have an answer now, once it is so many.
sub answered ($n, @clients) {
    my $select = IO::Select->new(map { $_->socket } @clients);
    my %ready;
    wait_until(sub { %ready = map { $_ => 1 } $select->can_read(0); keys %ready >= $n });
    return grep { $ready{$_->socket} } @clients;
}

# Everyone whom the stores held has the page; then nobody is under way.
sub let_go ($name, @clients) {
    $_->release for @stores;
    my @hits = grep { $_ && $_->cache eq 'HIT' } map { $_->response } @clients;
    is scalar @hits, scalar @clients, "$name: all are answered in the end";
    $_->hold->forget for @stores;
    return;
}

my @parked = park('/least', 6);
is_deeply asked(6), [2, 2, 2], 'least_conn: even';

# The second server is done with its two, and has none.
$stores[1]->release;
is scalar answered(2, @parked), 2, 'least_conn: two are answered';
is_deeply asks('/least', 5), [($two) x 5], 'least_conn: the idle one is asked';
let_go('least_conn', @parked);

# The client leaves, and the server has one look-up less.
@parked = park('/least', 3);
is_deeply asked(3), [1, 1, 1], 'least_conn: one each';
leave(@parked);
@parked = park('/least', 6);
is_deeply asked(9), [3, 3, 3], 'least_conn: who left is not counted';
let_go('least_conn', @parked);

@parked = park('/weights', 8);
is_deeply asked(8), [6, 2, 0], 'least_conn: by weight';
let_go('weights', @parked);

@parked = park('/random', 1);
my $busy = asked(1)->[0] ? $one : $two;
is_deeply asks('/random', 10), [($busy eq $one ? $two : $one) x 10], 'random two: the less busy one';
let_go('random', @parked);

for my $turn (1 .. 3) {
    @parked = park('/limited', 5);
    is_deeply asked(5), [2, 3, 0], "max_conns, $turn: as many as they may have";
    my $late = $nginx->get('/limited/hold/late');
    is $late->cache, 'ERROR down', "max_conns, $turn: no more";
    is $late->body, 'fallback', "max_conns, $turn: but the fallback";
    if ($turn == 2) {
        leave(@parked);
        @parked = park('/limited', 5);
        is_deeply asked(10), [4, 6, 0], "max_conns, $turn: as many again when they have left";
    }
    let_go("max_conns, $turn", @parked);
}

@parked = park('/overflow', 3);
is_deeply asked(3), [1, 2, 0], 'max_conns: what is over goes to the backup';
let_go('overflow', @parked);
is_deeply asks('/overflow', 3), [($one) x 3], 'max_conns: and only that';
$nginx->finish;

# Without a zone each worker counts for itself; with one they count together.
$nginx = start(
    {
        'turns'   => "zone turns 64k; server $one; server $two; server $three;",
        'limited' => "zone limited 64k; server $one max_conns=2;",
    },
    workers => 2,
    listen  => 'reuseport',
);
my @responses = map { $nginx->get("/turns/now/$_") } 1 .. 30;
my %worker    = map { $_->header('X-Worker') => 1 } @responses;
is scalar(keys %worker), 2, 'zone: both workers are asked';
is_deeply [map { $_->header('X-Store') } @responses], [($one, $two, $three) x 10],
    'zone: the servers take turns all the same';

my @clients = park('/limited', 12);
my @refused = answered(10, @clients);
is scalar @refused, 10, 'zone: max_conns holds for all workers';
my %got = map { $_->cache => 1 } grep { defined } map { $_->response } @refused;
is_deeply \%got, {'ERROR down' => 1}, 'zone: the others have the fallback';
$stores[0]->release;
is_deeply [map { $_->response->cache } grep { my $c = $_; !grep { $_ == $c } @refused } @clients],
    [('HIT') x 2], 'zone: those two have the page';
$nginx->finish('two workers');

done_testing;
