# A store that starts after nginx is found.

use v5.32;
use warnings;
use experimental 'signatures';

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use RustPageCache;
my $socket = scratch . '/later.sock';
my %later  = (
    'memcached' => sub ($port) { RustPageCache::Memcached->start(dir => scratch, port => $port) },
    'memcached over a unix socket' =>
        sub ($port) { RustPageCache::Memcached->start(dir => scratch, socket => $socket) },
    'redis' => sub ($port) {
        RustPageCache::Redis->start(dir => scratch, port => $port, name => 'later');
    },
);

for my $name (sort keys %later) {
    my $port   = free_port;
    my $scheme = $name =~ /redis/ ? 'redis' : 'memcached';
    my $where  = $name =~ /unix/ ? "unix:$socket" : "127.0.0.1:$port";
    my $nginx  = nginx(
        errors => [$where],
        server => <<"CONF",
    location / {
        rust_page_cache $scheme://$where key=raw;
    }
    location \@django {
        return 200 "fallback\\n";
    }
CONF
    );
    is $nginx->get('/page')->cache, 'ERROR connect', "$name: nobody is there yet";
    $later{$name}->($port)->set('/page', "stored\n");
    ok wait_until(sub { $nginx->get('/page')->cache eq 'HIT' }, 4), "$name: found once it is there";
    is $nginx->get('/page')->body, "stored\n", "$name: the page";
    $nginx->finish($name);
}

done_testing;
