# After thousands of look-ups, however they end, the balancer's counters are at nought again:
# least_conn is even, and max_conns lets as many through as it says.

use v5.32;
use warnings;
use experimental 'signatures';

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use RustPageCache;
use RustPageCache::Holding;

use constant { SERVERS => 3, MOST => 40, CROWD => 150 };

my @stores  = map { RustPageCache::Holding->start(dir => scratch) } 1 .. SERVERS;
my $servers = join ' ', map { "server @{[$_->address]} max_conns=@{[MOST]} max_fails=0;" } @stores;
my $nginx   = nginx(
    connections => 1024,
    errors      => ['rust_page_cache'],
    http        => "upstream stores { least_conn; $servers }",
    server      => <<'CONF',
    location / {
        rust_page_cache memcached://stores key=raw;
        rust_page_cache_timeout 30s;
    }
    location /short {
        rust_page_cache memcached://stores key=raw;
        rust_page_cache_timeout 100ms;
    }
    location @django {
        return 200 fallback;
    }
CONF
);

sub asked () { my $n = 0; $n += $_->asked for @stores; return $n }

# So many look-ups at once, some for the same key; as many as may wait at the stores do.
sub crowd ($path = '') {
    $_->forget for @stores;
    my @clients = map { $nginx->client } 1 .. CROWD;
    $clients[$_]->send(RustPageCache::Client::get("$path/hold/" . $_ % 70)) for 0 .. $#clients;
    return @clients;
}

sub all_are_answered ($name, @clients) {
    my %answer;
    $answer{$_ ? $_->cache : 'none'}++ for map { $_->response } @clients;
    my @wrong = grep { !/^(?:HIT|MISS absent|ERROR (?:down|timeout|closed|connect))$/ } keys %answer;
    is "@wrong", '', "$name: everyone has an answer";
    return;
}

# Every server is asked again once it has been found to be well.
sub all_are_well ($name) {
    my $asked = sub ($store) { $store->forget; $nginx->get("/now/$_") for 1 .. 9; $store->asked };
    my @well  = grep { my $store = $_; wait_until(sub { $asked->($store) >= 3 }) } @stores;
    is scalar @well, SERVERS, "$name: all servers are well";
    return;
}

# Without clients, and two connections to each store.
$nginx->get('/now/first');
my $idle = $nginx->descriptors + 2 * SERVERS;

# name => what becomes of those who wait
my %end = (
    'all are answered' => sub (@clients) { $_->release for @stores; return @clients },
    'all leave'        => sub (@clients) {
        $_->abort for @clients;
        ok wait_until(sub { $nginx->descriptors <= $idle }), 'nginx notices that all leave';
        $_->release for @stores;
        return;
    },
    'some leave'       => sub (@clients) {
        $clients[$_]->abort for grep { $_ % 3 } 0 .. $#clients;
        $_->release for @stores;
        return map { $_ % 3 ? () : $clients[$_] } 0 .. $#clients;
    },
    'they leave as it is answered' => sub (@clients) {
        my @order = map { ($stores[$_], @clients[$_ * 50 .. $_ * 50 + 49]) } 0 .. 2;
        $_->can('release') ? $_->release : $_->abort for @order;
        return;
    },
    'a store dies' => sub (@clients) {
        my $port = $stores[1]->port;
        $stores[1]->stop;
        $clients[$_]->abort for 0 .. 20;
        $stores[1] = RustPageCache::Holding->start(dir => scratch, port => $port);
        $_->release for @stores;
        return @clients[21 .. $#clients];
    },
);

for my $turn (1 .. 4) {
    for my $name (sort keys %end) {
        my @clients = crowd();
        # Requests for one key that wait together are one question to a store.
        ok wait_until(sub { asked() >= 40 }), "$name, $turn: the stores are asked";
        all_are_answered("$name, $turn", $end{$name}->(@clients));
        all_are_well("$name, $turn");
        $_->hold for @stores;
    }
}
all_are_answered('too late', crowd('/short'));
$_->release for @stores;
all_are_well('too late');
$_->hold for @stores;

# Now, one by one, as a new nginx would do it.
for my $turn (1, 2) {
    $_->forget for @stores;
    my @clients;
    my $fill = sub ($n) {
        push @clients, map { $nginx->client->send(RustPageCache::Client::get("/hold/$_")) }
            @clients + 1 .. @clients + $n;
        wait_until(sub { asked() >= @clients });
        return [map { $_->asked } @stores];
    };
    is_deeply $fill->(12), [(4) x SERVERS], "least_conn, $turn: even";
    is_deeply $fill->(SERVERS * MOST - 12), [(MOST) x SERVERS], "max_conns, $turn: all of them";
    is $nginx->get('/hold/late')->cache, 'ERROR down', "max_conns, $turn: and no more";
    $_->release for @stores;
    is scalar(grep { $_ && $_->cache eq 'HIT' } map { $_->response } @clients), SERVERS * MOST,
        "max_conns, $turn: all are answered";
    $_->hold for @stores;
}

$nginx->finish;

done_testing;
