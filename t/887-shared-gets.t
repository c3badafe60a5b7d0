# Look-ups that wait together ask memcached for all their keys by one `get`: once it has shown,
# asked for one key twice, that it knows that; and no longer when it goes wrong.

use v5.32;
use warnings;
use experimental 'signatures';

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use RustPageCache;
use RustPageCache::Process;

sub get ($target) { return RustPageCache::Client::get($target, Connection => 'keep-alive') }
sub value ($key) { return "VALUE $key 0 " . length("page $key\n") . "\r\npage $key\n\r\n" }

# What is answered to several keys; one key is answered as it should, but for /bad.
my %server = (
    'knows it'          => sub (@keys) { join('', map { value($_) } @keys) . "END\r\n" },
    'in another order'  => sub (@keys) { join('', map { value($_) } reverse @keys) . "END\r\n" },
    'reads one key'     => sub (@keys) { value($keys[0]) . "END\r\n" },
    'refuses'           => sub (@keys) { "SERVER_ERROR too many keys\r\n" },
    'knows no such get' => sub (@keys) { "ERROR\r\n" },
    'takes all as one'  => sub (@keys) { value("@keys") . "END\r\n" },
    'breaks off'        => sub (@keys) { substr value($keys[0]), 0, -3 },
    'has a bad shard'   => sub (@keys) {
        return "SERVER_ERROR a server is down\r\n" if grep { $_ eq '/bad' } @keys;
        return join('', map { value($_) } @keys) . "END\r\n";
    },
);

for my $name (sort keys %server) {
    my $store = fake_server(
        sub ($c) {
            while (defined(my $line = $c->line)) {
                $c->note($line);
                my (undef, @keys) = split ' ', $line;
                $c->send(
                      @keys > 1          ? $server{$name}->(@keys)
                    : $keys[0] eq '/bad' ? "SERVER_ERROR a server is down\r\n"
                    :                      value($keys[0]) . "END\r\n"
                );
                $c->close if @keys > 1 && $name eq 'breaks off';
            }
        },
        scheme => 'memcached',
    );
    my $nginx = nginx(
        errors => [$store->address, 'rust_page_cache'],
        server => <<"CONF",
    location / {
        rust_page_cache @{[$store->uri]} key=raw;
        rust_page_cache_timeout 5s;
    }
    location \@django {
        return 200 "fallback\\n";
    }
CONF
    );
    my ($worker) = $nginx->all_worker_pids;
    my @clients = map { $nginx->client } 1 .. 40;
    my $wrong   = 0;

    # All of them in one turn of the event loop.
    my $together = sub (@targets) {
        RustPageCache::Process::freeze($worker);
        $clients[$_]->send(get($targets[$_])) for 0 .. $#targets;
        kill 'CONT', $worker;
        for my $at (0 .. $#targets) {
            my $page = $targets[$at] eq '/bad' ? "fallback\n" : "page $targets[$at]\n";
            $wrong++ if $clients[$at]->response->body ne $page;
        }
    };
    for my $at (0 .. 79) {
        my $client = $clients[$at % @clients];
        $client->send(get("/warm$at"));
        $wrong++ if $client->response->body ne "page /warm$at\n";
    }
    my @alone = map { scalar split ' ' } $store->gets;
    is scalar(grep { $_ > 2 } @alone), 0, "$name: one by one, one key each";

    $together->(map { "/first$_" } 1 .. 40);
    my @trial = grep { /^get (\S+) \1$/ } $store->gets;
    is scalar @trial, 1, "$name: it is asked for one key twice";

    for my $turn (1 .. 9) {
        $together->(map { "/t$turn/$_" } 1 .. 40);
    }
    my $last = $name eq 'has a bad shard' ? '/bad' : '/good';
    $together->((map { "/last$_" } 1 .. 39), $last) for 1 .. 2;
    is $wrong, 0, "$name: everybody has his own page, by the cache";

    my @shared = grep { !/^get (\S+) \1$/ } grep { split(' ') > 2 } $store->gets;
    my @trials = grep { /^get (\S+) \1$/ } $store->gets;
    if ($name =~ /^(?:knows it|in another order|has a bad shard)$/) {
        cmp_ok scalar @shared, '>=', 9, "$name: then look-ups share commands";
        is scalar(grep { split(' ') > 33 } @shared), 0, "$name: of 32 keys at most";
    } else {
        is scalar @shared, 0, "$name: look-ups never share a command";
        cmp_ok scalar @trials, '<=', 3, "$name: and it is not asked for ever";
    }
    $nginx->finish($name);
}

done_testing;
