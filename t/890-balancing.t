# nginx's balancer chooses the server: a dead first one, backup, hash.

use v5.32;
use warnings;
use experimental 'signatures';

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use RustPageCache;
my $other = RustPageCache::Memcached->start(dir => scratch);
my ($dead, $dead2, $dead3) = map { free_port } 1 .. 3;
my ($first, $second) = (memcached->address, $other->address);
for my $i (1 .. 40) {
    memcached->set("/hash/$i", "first\n");
    $other->set("/hash/$i", "second\n");
}
memcached->set($_, "first\n")
    for '/dead', '/backup', '/all-but-one', '/all-but-backup', '/plain', '/weight';
$other->set($_, "second\n") for '/plain', '/weight';

my @upstreams = qw(dead backup all-but-one all-but-backup hash plain weight);
my $nginx = nginx(
    errors => [(map { "127.0.0.1:$_" } $dead, $dead2, $dead3), 'no live upstreams'],
    http   => <<"CONF",
    upstream dead {
        server 127.0.0.1:$dead;
        server $first;
    }
    upstream backup {
        server 127.0.0.1:$dead;
        server $first backup;
    }
    upstream all-but-one {
        server 127.0.0.1:$dead;
        server 127.0.0.1:$dead2;
        server 127.0.0.1:$dead3;
        server $first;
    }
    upstream all-but-backup {
        server 127.0.0.1:$dead2;
        server 127.0.0.1:$dead3;
        server $first backup;
    }
    upstream hash {
        hash \$uri consistent;
        server $first;
        server $second;
    }
    upstream plain {
        server $first;
        server $second;
    }
    upstream weight {
        server $first weight=3;
        server $second;
    }
CONF
    server => join "\n", 'location @django { return 200 fallback; }', map { <<"CONF" } @upstreams
    location /$_ {
        rust_page_cache memcached://$_ key=raw;
        add_header X-Cache \$rust_page_cache_status;
        add_header X-Store \$rust_page_cache_store;
    }
CONF
);

sub bodies ($target, $n) {
    return map { my $r = $nginx->get($target); is $r->status, 200, "$target: 200"; $r->body } 1 .. $n;
}

for my $target ('/dead', '/backup') {
    my @bodies = bodies($target, 12);
    is_deeply [@bodies[4 .. 11]], [("first\n") x 8], "$target: the server that lives is found";
    is $nginx->get($target)->header('X-Store'), $first, "$target: and named";
}

# However many are dead: the first request finds the one that lives.
is $nginx->get($_)->body, "first\n", "$_: at once" for '/all-but-one', '/all-but-backup';

my %seen;
$seen{$_}++ for bodies('/plain', 20);
is_deeply \%seen, {"first\n" => 10, "second\n" => 10}, 'round robin: each its turn';
%seen = ();
$seen{$_}++ for bodies('/weight', 20);
is_deeply \%seen, {"first\n" => 15, "second\n" => 5}, 'round robin: by weight';

%seen = ();
for my $i (1 .. 40) {
    my @bodies = bodies("/hash/$i", 3);
    is scalar(grep { $_ eq $bodies[0] } @bodies), 3, "hash: /hash/$i is always asked for in one place";
    $seen{$bodies[0]}++;
}
is scalar(keys %seen), 2, 'hash: and both places are used';

$nginx->finish;

done_testing;
