# A server that answers nonsense to a trial is tried again, and is back when it answers well.

use v5.32;
use warnings;
use experimental 'signatures';

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use RustPageCache;
use Time::HiRes qw(sleep);

my %talk = (
    memcached => [\&fake_memcached, sub ($key) { "VALUE $key 0 5\r\npage\n\r\nEND\r\n" }],
    redis     => [\&fake_redis, sub ($key) { "\$5\r\npage\n\r\n" }],
);

for my $name (sort keys %talk) {
    my ($fake, $well) = @{$talk{$name}};
    my $mended = scratch . "/mended-$name";
    my $store  = $fake->(sub ($c, $key) {
        $c->send(-e $mended ? $well->($key) : "HTTP/1.1 400 Bad Request\r\n\r\n");
    });
    my $nginx = nginx(
        errors => [$store->address, 'rust_page_cache'],
        server => <<"CONF",
    location / {
        rust_page_cache @{[$store->uri]} key=raw;
    }
    location \@django {
        return 200 "fallback\\n";
    }
CONF
    );
    my $down = wait_until(sub { $nginx->get('/page')->cache eq 'ERROR down' });
    ok $down, "$name: left alone";
    # Some trials, all of which get nonsense.
    my $asked = $store->gets;
    for (1 .. 20) { $nginx->get('/page'); sleep 0.05 }
    cmp_ok scalar(() = $store->gets), '>', $asked + 1, "$name: tried more than once";
    open my $touch, '>', $mended or die "$mended: $!\n";
    my $back = wait_until(sub { $nginx->get('/page')->cache eq 'HIT' });
    ok $back, "$name: back when it answers well";
    $nginx->finish($name);
    $store->stop;
}

# The connection of a trial does not outlive it where there are others.
{
    my $busy  = scratch . '/busy';
    my $store = fake_memcached(sub ($c, $key) {
        $c->send(-e $busy ? "SERVER_ERROR busy\r\n" : "VALUE $key 0 5\r\npage\n\r\nEND\r\n");
    });
    my $nginx = nginx(
        errors => [$store->address, 'rust_page_cache'],
        server => <<"CONF",
    location / {
        rust_page_cache @{[$store->uri]} key=raw;
    }
    location \@django {
        return 200 "fallback\\n";
    }
CONF
    );
    for my $time (1 .. 4) {
        unlink $busy;
        ok wait_until(sub { $nginx->get('/page')->cache eq 'HIT' }), "back, $time";
        open my $touch, '>', $busy or die "$busy: $!\n";
        $nginx->get('/page') for 1 .. 4;
    }
    ok wait_until(sub { $store->connections - $store->closed <= 2 }, 2), 'trials leave none behind';
    $nginx->finish('busy');
    $store->stop;
}

done_testing;
