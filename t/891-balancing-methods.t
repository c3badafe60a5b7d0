# Which server each balancing method chooses: exactly the one that nginx's own proxies would ask.

use v5.32;
use warnings;
use experimental 'signatures';

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use RustPageCache;
use Compress::Zlib qw(crc32);

my @stores  = map { RustPageCache::Memcached->start(dir => scratch) } 1 .. 3;
my @address = map { $_->address } @stores;
my ($one, $two, $three) = @address;

# name => the servers, and what stands beside them
my %upstream = (
    'plain'      => "server $one; server $two; server $three;",
    'weights'    => "server $one weight=5; server $two; server $three;",
    'down'       => "server $one; server $two down; server $three;",
    'backup'     => "server $one; server $two backup; server $three backup;",
    'ip'         => "ip_hash; server $one; server $two weight=3; server $three;",
    'hash'       => "hash \$uri; server $one; server $two weight=2; server $three;",
    'consistent' => "hash \$uri consistent; server $one; server $two weight=2; server $three;",
    'key'        => "hash \$rust_page_cache_key; server $one; server $two weight=2; server $three;",
    'lost'       => "hash \$uri consistent; server $one down; server $two weight=2; server $three;",
    'random'     => "random; server $one weight=2; server $two; server $three;",
);
my $nginx = nginx(
    http   => join("\n", map { "upstream $_ { $upstream{$_} }" } sort keys %upstream),
    server => join "\n", <<'CONF', map { <<"CONF" } sort keys %upstream);
    add_header X-Cache $rust_page_cache_status;
    add_header X-Cache-Reason $rust_page_cache_reason;
    add_header X-Store $rust_page_cache_store;
    location @django {
        return 200 fallback;
    }
CONF
    location /$_ {
        rust_page_cache memcached://$_ key=raw namespace=pages:;
    }
CONF

# Nothing is stored: who was asked is seen from a miss as well.
sub asked ($target) {
    my $response = $nginx->get($target);
    is $response->cache, 'MISS absent', "$target: asked for" if $response->cache ne 'MISS absent';
    return $response->header('X-Store');
}

sub asked_in_turn ($target, $n) {
    return map { asked($target) } 1 .. $n;
}

is_deeply [asked_in_turn('/plain', 6)], [$one, $two, $three, $one, $two, $three], 'round robin: each its turn';

# The smooth order of ngx_http_upstream_round_robin.c for 5:1:1.
is_deeply [asked_in_turn('/weights', 14)], [($one, $one, $two, $one, $three, $one, $one) x 2],
    'weights: in the order of nginx';

is_deeply [asked_in_turn('/down', 4)], [$one, $three, $one, $three], 'down: never asked';
is_deeply [asked_in_turn('/backup', 4)], [($one) x 4], 'backup: not asked while another is well';

# ngx_http_upstream_ip_hash_module.c, over the first three bytes of the address.
sub by_address ($ip, @servers) {
    my $hash = 89;
    $hash = ($hash * 113 + $_) % 6271 for (split /\./, $ip)[0 .. 2];
    return $servers[$hash % @servers];
}

my %seen;
for my $ip (map { "127.128.$_.9" } 1 .. 24) {
    my $expected = by_address($ip, $one, $two, $two, $two, $three);
    for my $turn (1, 2) {
        my $client   = RustPageCache::Client->connect($nginx->port, '127.0.0.1', from => $ip);
        my $response = $client->send(RustPageCache::Client::get("/ip/$turn"))->response;
        is $response->header('X-Store'), $expected, "ip_hash: $ip";
    }
    $seen{$expected}++;
}
is scalar(keys %seen), 3, 'ip_hash: and all are used';

# ngx_http_upstream_hash_module.c, which does as Cache::Memcached does.
sub by_hash ($key, @servers) {
    return $servers[(crc32($key) >> 16 & 0x7fff) % @servers];
}

# And, consistent, as Cache::Memcached::Fast.
sub ring (@servers) {
    my %owner;
    for my $server (@servers) {
        my ($address, $weight) = @$server;
        my $previous = 0;
        for (1 .. 160 * $weight) {
            $previous = crc32(join("\0", split /:/, $address) . pack 'V', $previous);
            $owner{$previous} //= $address;
        }
    }
    return \%owner;
}

sub on_ring ($ring, $key) {
    my $hash = crc32($key);
    my @points = sort { $a <=> $b } keys %$ring;
    my ($next) = grep { $_ >= $hash } @points;
    return $ring->{$next // $points[0]};
}

my $ring = ring([$one, 1], [$two, 2], [$three, 1]);
%seen = ();
for my $i (1 .. 40) {
    my $expected = by_hash("/hash/$i", $one, $two, $two, $three);
    is asked("/hash/$i"), $expected, "hash: /hash/$i";
    $expected = by_hash("pages:/key/$i", $one, $two, $two, $three);
    is asked("/key/$i"), $expected, "hash by key: /key/$i";
    $expected = on_ring($ring, "/consistent/$i");
    is asked("/consistent/$i"), $expected, "hash consistent: /consistent/$i";
    $seen{$expected}++;
}
is scalar(keys %seen), 3, 'hash consistent: and all are used';

# Without one server only its own keys move.
my ($moved, $kept) = (0, 0);
for my $i (1 .. 40) {
    my ($before, $now) = (on_ring($ring, "/lost/$i"), asked("/lost/$i"));
    if   ($before eq $one) { $moved++; isnt $now, $one, "a server less: /lost/$i moves" }
    else                 { $kept++;  is $now, $before, "a server less: /lost/$i stays" }
}
cmp_ok $moved, '>', 0, 'a server less: some keys move';
cmp_ok $kept,  '>', 0, 'a server less: and others stay';

# 300 throws of 2:1:1: each bound is more than five standard deviations away.
%seen = ();
$seen{$_}++ for asked_in_turn('/random', 300);
cmp_ok $seen{$one} // 0, '>', 105, 'random: by weight';
cmp_ok $seen{$one} // 0, '<', 195, 'random: by weight, not only that one';
cmp_ok $seen{$_} // 0, '>', 35, "random: $_ too" for $two, $three;

$nginx->finish;

done_testing;
