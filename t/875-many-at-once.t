# Many requests at once: each gets its own page, of whatever store.

use v5.32;
use warnings;
use experimental 'signatures';

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use RustPageCache;
my $pages = 50;
for my $i (1 .. $pages) {
    # Some small, some of many buffers.
    my $page = "page $i " . 'x' x ($i % 7 == 0 ? 200_000 : $i * 10);
    memcached->set("/m/$i", $page);
    redis->set("/r/$i", $page);
}

for my $workers (1, 2) {
    my $nginx = nginx(workers => $workers, server => <<"CONF");
    rust_page_cache_timeout 5s;
    location /m/ {
        rust_page_cache @{[memcached->uri]} key=raw;
    }
    location /r/ {
        rust_page_cache @{[redis->uri]} key=raw;
    }
    location \@django {
        return 200 "fallback \$uri";
    }
CONF

    # 200 requests, some for the same page, some for none.
    my @targets = map { ("/m/$_", "/r/$_", "/m/@{[$_ % 5 + 1]}", "/r/none-$_") } 1 .. $pages;
    for my $turn (1 .. 2) {
        my @responses = $nginx->get_many(@targets);
        my @wrong;
        for my $i (0 .. $#targets) {
            my ($number) = $targets[$i] =~ m{/(\d+)$};
            my $expected = defined $number ? "page $number " : "fallback $targets[$i]";
            push @wrong, $targets[$i] if !$responses[$i] || index($responses[$i]->body, $expected) != 0;
            my $cache = defined $number ? 'HIT' : 'MISS absent';
            push @wrong, "$targets[$i]: " . $responses[$i]->cache if $responses[$i]->cache ne $cache;
        }
        is_deeply \@wrong, [], "$workers workers, $turn: every one of 200 is right";
    }
    $nginx->finish("$workers workers");
}

done_testing;
