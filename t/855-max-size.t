# rust_page_cache_max_size: the largest value that is read.

use v5.32;
use warnings;
use experimental 'signatures';

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use RustPageCache;
my $limit = 10_000;
my %store = (memcached => memcached, redis => redis);

for my $name (sort keys %store) {
    my $store = $store{$name};
    $store->set('exact', 'x' x $limit);
    $store->set('over',  'x' x ($limit + 1));
    $store->set('drained', 'x' x ($limit + 1_000_000));
    # More than 1 MiB behind the limit: the connection is closed.
    $store->set('closed', 'x' x ($limit + 3_000_000));
    $store->set('page', "stored\n");
    my $nginx = nginx(
        errors => ['rust_page_cache'],
        server => <<"CONF",
    location / {
        rust_page_cache @{[$store->uri]} key=raw uri=\$arg_key;
        rust_page_cache_max_size $limit;
        rust_page_cache_timeout 5s;
    }
    location /more {
        rust_page_cache @{[$store->uri]} key=raw uri=\$arg_key;
        rust_page_cache_max_size 8m;
        rust_page_cache_timeout 5s;
    }
    location \@django {
        return 200 "fallback\\n";
    }
CONF
    );
    my $exact = $nginx->get('/?key=exact');
    is $exact->cache, 'HIT', "$name: exactly the limit";
    is length $exact->body, $limit, "$name: exactly the limit: whole";
    for my $key ('over', 'drained', 'closed') {
        my $response = $nginx->get("/?key=$key");
        is $response->cache, 'ERROR too-large', "$name, $key: too large";
        is $response->body, "fallback\n", "$name, $key: the fallback answers";
        is $nginx->get('/?key=page')->cache, 'HIT', "$name, $key: the store goes on";
        is $nginx->get("/more?key=$key")->cache, 'HIT', "$name, $key: where more is allowed, a hit";
    }

    # What was on a connection that is closed for it is tried once more.
    $store->set('huge', 'x' x ($limit + 3_000_000));
    $store->set("page-$_", "page $_\n") for 1 .. 30;
    my @targets = map { ("/?key=page-$_", $_ == 10 ? '/?key=huge' : ()) } 1 .. 30;
    my @bodies  = map { $_->body } $nginx->get_many(@targets);
    for my $i (0 .. $#targets) {
        my $expected = $targets[$i] =~ /page-(\d+)/ ? "page $1\n" : "fallback\n";
        is $bodies[$i], $expected, "$name, at once: $targets[$i]";
    }
    $nginx->finish($name);
}

# The default is 8m.
memcached->set('8m',     'x' x (8 * 1024 * 1024));
memcached->set('over8m', 'x' x (8 * 1024 * 1024 + 1));
my $nginx = nginx(
    errors => ['rust_page_cache'],
    server => <<"CONF",
    location / {
        rust_page_cache @{[memcached->uri]} key=raw uri=\$arg_key;
        rust_page_cache_timeout 5s;
    }
    location \@django {
        return 200 "fallback\\n";
    }
CONF
);
is $nginx->get('/?key=8m')->cache, 'HIT', 'the default: 8 MiB';
is $nginx->get('/?key=over8m')->cache, 'ERROR too-large', 'the default: and no more';
$nginx->finish('the default');

done_testing;
