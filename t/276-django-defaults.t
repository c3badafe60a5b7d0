# The shortest configuration: key=django, format=django, :1:, en-us, UTC, the absolute URI.

use v5.32;
use warnings;
use experimental 'signatures';

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use RustPageCache;
use RustPageCache::Django qw(header_key page_key pickled_list pickled_page);

my $nginx = nginx(server => <<"CONF");
    server_name example.com;
    location / {
        rust_page_cache @{[redis->uri]}/1;
    }
    location /parameters/ {
        rust_page_cache @{[memcached->uri]} key=django format=django namespace=kp:2: prefix=site1
            lang=\$arg_lang timezone=Europe/Berlin;
    }
    location /without/ {
        rust_page_cache @{[memcached->uri]} lang= timezone=;
    }
    location /uri/ {
        rust_page_cache @{[memcached->uri]} uri=https://www.example.com\$rust_page_cache_full_path;
    }
    location /long/ {
        rust_page_cache @{[memcached->uri]} prefix=@{['p' x 200]};
    }
    location \@django {
        return 200 "fallback\\n";
    }
CONF
my $port = $nginx->port;

sub page ($body) {
    return pickled_page(headers => [['Content-Type', 'text/html; charset=utf-8']], body => $body);
}

sub put ($store, $body, %of) {
    # 1 is the flag of a pickle in memcached, and the database that is used in Redis.
    $store->set(header_key(%of), pickled_list(), 1);
    $store->set(page_key(%of), page($body), 1);
    return;
}

put(redis, "stored\n", uri => 'http://example.com/blog/?page=2');
my $hit = $nginx->get('/blog/?page=2', Host => 'example.com');
is $hit->cache, 'HIT', 'the defaults: a hit';
is $hit->body, "stored\n", 'the defaults: the page';
is $hit->header('Content-Type'), 'text/html; charset=utf-8', 'the defaults: its type';
is $hit->header('X-Cache-Key'), page_key(uri => 'http://example.com/blog/?page=2'), 'the defaults: its key';

# The Host as it was sent, with its port and its letters.
for my $host ("example.com:$port", 'EXAMPLE.com', 'example.com.') {
    is $nginx->get('/blog/?page=2', Host => $host)->cache, 'MISS absent', "Host: $host is another URI";
    put(redis, "for $host\n", uri => "http://$host/blog/?page=2");
    is $nginx->get('/blog/?page=2', Host => $host)->body, "for $host\n", "Host: $host has its own page";
}
put(redis, "quoted\n", uri => 'http://example.com/caf%C3%A9/?q=%zz');
is $nginx->get('/caf%c3%a9/?q=%zz', Host => 'example.com')->body, "quoted\n", 'the path as Django quotes it';
is $nginx->get('/blog/', Host => 'example.com')->cache, 'MISS absent', 'no header entry: absent';
redis->set(header_key(uri => 'http://example.com/lost/'), pickled_list(), 1);
is $nginx->get('/lost/', Host => 'example.com')->cache, 'MISS absent', 'no page entry: absent';
is $nginx->get('/lost/', Host => 'example.com')->body, "fallback\n", 'no page entry: the fallback';

my %of = (
    uri       => 'http://example.com/parameters/?lang=de',
    namespace => 'kp:2:',
    prefix    => 'site1',
    suffix    => '.de.Europe/Berlin',
);
put(memcached, "parameters\n", %of);
is $nginx->get('/parameters/?lang=de', Host => 'example.com')->body, "parameters\n", 'every parameter';
is $nginx->get('/parameters/?lang=fr', Host => 'example.com')->cache, 'MISS absent', 'another language';
put(memcached, "no suffix\n", uri => 'http://example.com/without/', suffix => '');
is $nginx->get('/without/', Host => 'example.com')->body, "no suffix\n", 'neither language nor zone';
put(memcached, "given\n", uri => 'https://www.example.com/uri/?a');
is $nginx->get('/uri/?a', Host => 'example.com')->body, "given\n", 'a URI of our own';

my $asked = memcached->stat('cmd_get');
is $nginx->get('/long/', Host => 'example.com')->cache, 'BYPASS key', 'a key that memcached cannot take';
is memcached->stat('cmd_get'), $asked, 'is not asked for';

$nginx->finish;

done_testing;
