# key= and format= may be combined freely.

use v5.32;
use warnings;
use experimental 'signatures';

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use RustPageCache;
use Compress::Zlib qw(compress);
use RustPageCache::Django qw(header_key page_key pickled_bytes pickled_list pickled_page);

my $page  = pickled_page(status => 201, headers => [['X-Page', 'yes']], body => "stored\n");
my $nginx = nginx(
    errors => ['rust_page_cache'],
    server => <<"CONF",
    location /raw {
        rust_page_cache @{[memcached->uri]} key=raw format=django;
    }
    location /body {
        rust_page_cache @{[memcached->uri]} key=raw format=body;
    }
    location /redis {
        rust_page_cache @{[redis->uri]} key=raw format=django;
    }
    location \@django {
        return 200 "fallback\\n";
    }
CONF
);
memcached->set('/raw', $page, 1);
memcached->set('/raw/zlib', compress($page), 9);
memcached->set('/raw/body', "stored\n", 0);
memcached->set('/raw/str', pickled_bytes("stored\n"), 1);
memcached->set('/body', $page, 1);
redis->set('/redis', $page);
redis->set('/redis/zlib', compress($page));

for my $target ('/raw', '/raw/zlib', '/redis', '/redis/zlib') {
    my $response = $nginx->get($target);
    is $response->cache, 'HIT', "$target: a hit";
    is $response->status, 201, "$target: its status";
    is $response->header('X-Page'), 'yes', "$target: its headers";
    is $response->body, "stored\n", "$target: its body";
}
is $nginx->get('/raw/body')->cache, 'ERROR undecodable', 'a bare body is no page of format=django';
is $nginx->get('/raw/str')->cache, 'ERROR undecodable', 'nor is a pickled body';
is $nginx->get('/body')->cache, 'MISS pickled', 'a page is no body of format=body';

$nginx->finish;

done_testing;
