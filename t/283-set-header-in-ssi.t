# Subrequests share their variables: what one has set while another one waits for the header list is
# not what the application sees of the other.

use v5.32;
use warnings;
use experimental 'signatures';

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use RustPageCache;
use RustPageCache::Django qw(header_key page_key pickled_list pickled_page vary_digest);

# Several pairs, since a location asks for the list alone only as long as it does not know it.
my @pairs = map { ["a$_", "b$_"] } 1 .. 5;
my $locations = '';
for my $path (map { @$_ } @pairs) {
    my ($own) = $path =~ /([a-z])/;
    my %of = (uri => "http://localhost/$path");
    memcached->set(header_key(%of), pickled_list('HTTP_X_WHO'), 1);
    for my $who (qw(a b)) {
        memcached->set(page_key(%of, digest => vary_digest('netstring-absent', $who)),
            pickled_page(body => "$path of $who "), 1);
    }
    $locations .= <<"CONF";
    location = /$path {
        set \$who $own;
        rust_page_cache @{[memcached->uri]} django=6.1.3 uri=http://localhost/$path;
        rust_page_cache_set_header X-Who \$who;
    }
CONF
}
my $nginx = nginx(server => <<"CONF");
$locations
    location /both {
        ssi on;
        default_type text/html;
        return 200 '<!--# include virtual="/a\$arg_n" --><!--# include virtual="/b\$arg_n" -->';
    }
    location \@django {
        return 200 "fallback ";
    }
CONF

for my $n (1 .. @pairs) {
    is $nginx->get("/both?n=$n")->body, "a$n of a b$n of b ", "each its own, $n";
}
$nginx->finish;

done_testing;
